// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The text of share/checkpoints.txt.

#include "quern/Support/Text.h"
#include "quern/Weights/Checkpoints.h"

#include <sstream>

namespace quern::weights {

extern const char *const checkpointsText; ///< share/checkpoints.txt

static Status invalid(const std::string &message) {
  return Status::error(StatusCode::InvalidFile, message);
}

static std::string trimmed(const std::string &text) {
  size_t begin = text.find_first_not_of(' ');
  if (begin == std::string::npos)
    return "";
  return text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

static std::vector<std::string> split(const std::string &text, char at) {
  std::vector<std::string> parts;
  std::string part;
  int depth = 0; // a comma inside parentheses is an expression's own
  for (char c : text) {
    depth += (c == '(') - (c == ')');
    if (c == at && depth == 0) {
      parts.push_back(trimmed(part));
      part.clear();
      continue;
    }
    part += c;
  }
  parts.push_back(trimmed(part));
  return parts;
}

static Status parseTypes(std::string text, CheckpointTensor &tensor) {
  if (size_t equals = text.find('='); equals != std::string::npos) {
    tensor.typeName = text.substr(0, equals);
    text = text.substr(equals + 1);
  }
  if (text == "*")
    return Status::ok();
  for (const std::string &name : split(text, '|')) {
    std::optional<DType> dtype = parseDType(name);
    if (!dtype)
      return invalid("expects a type of safetensors, but got " +
                     inQuotes(name));
    tensor.types.push_back(*dtype);
  }
  return Status::ok();
}

/// Roles that say more: codes VALUE and table PLANE.
static Status parseRoleWithValue(const std::string &text,
                                 CheckpointTensor &tensor) {
  static const std::pair<const char *, CheckpointRole> roles[] = {
      {"codes ", CheckpointRole::Codes},
      {"table ", CheckpointRole::Table},
  };
  for (auto &[name, role] : roles)
    if (text.rfind(name, 0) == 0) {
      tensor.role = role;
      tensor.value = trimmed(text.substr(std::string(name).size()));
      return Status::ok();
    }
  return invalid("expects 'tile ...', 'constant tile ...', 'groups', 'groups "
                 "optional', 'shape', 'codes ...', 'table ...', 'state', "
                 "'activation' or 'note', but got " +
                 inQuotes(text));
}

static Status parseRole(const std::string &text, CheckpointTensor &tensor) {
  if (text.rfind("constant tile", 0) == 0) {
    tensor.role = CheckpointRole::Constant;
    tensor.segment = text.substr(9);
    return Status::ok();
  }
  if (text.rfind("tile", 0) == 0) {
    tensor.segment = text;
    return Status::ok();
  }
  static const std::pair<const char *, CheckpointRole> roles[] = {
      {"groups", CheckpointRole::Groups},
      {"groups optional", CheckpointRole::Groups},
      {"shape", CheckpointRole::Shape},
      {"state", CheckpointRole::State},
      {"activation", CheckpointRole::Activation},
      {"note", CheckpointRole::Note},
  };
  tensor.isOptional = text == "groups optional";
  for (auto &[name, role] : roles)
    if (text == name) {
      tensor.role = role;
      return Status::ok();
    }
  return parseRoleWithValue(text, tensor);
}

/// SUFFIX TYPES SHAPE rest
static Status parseTensor(const std::string &line, CheckpointTensor &tensor) {
  std::istringstream words(line);
  std::string types, rest;
  words >> tensor.suffix >> types;
  std::getline(words, rest);
  rest = trimmed(rest);
  if (Status status = parseTypes(types, tensor); !status)
    return status;
  if (rest.rfind("* ", 0) == 0)
    return parseRole(trimmed(rest.substr(1)), tensor);
  size_t close = rest.find(']');
  if (rest.empty() || rest[0] != '[' || close == std::string::npos)
    return invalid("expects '*' or a shape in brackets, but got " +
                   inQuotes(rest));
  std::string extents = trimmed(rest.substr(1, close - 1));
  tensor.shape.emplace();
  if (!extents.empty())
    tensor.shape = split(extents, ',');
  return parseRole(trimmed(rest.substr(close + 1)), tensor);
}

/// NAME [when PARAMETER=VALUE{|VALUE} {, ...}]
static Status parseHead(const std::string &line, CheckpointEntry &entry) {
  size_t when = line.find(" when ");
  entry.name = trimmed(line.substr(0, when));
  if (when == std::string::npos)
    return Status::ok();
  for (const std::string &text : split(line.substr(when + 6), ',')) {
    size_t equals = text.find('=');
    if (equals == std::string::npos)
      return invalid("expects PARAMETER=VALUE, but got " + inQuotes(text));
    entry.conditions.push_back(
        {text.substr(0, equals), split(text.substr(equals + 1), '|')});
  }
  return Status::ok();
}

static Status parseLine(const std::string &line,
                        std::vector<CheckpointEntry> &entries) {
  if (line[0] != ' ') {
    entries.emplace_back();
    return parseHead(line, entries.back());
  }
  if (entries.empty())
    return invalid("expects the name of an entry before its lines");
  CheckpointEntry &entry = entries.back();
  std::string text = trimmed(line);
  if (text.rfind("format ", 0) == 0) {
    entry.format = trimmed(text.substr(7));
    return Status::ok();
  }
  entry.tensors.emplace_back();
  return parseTensor(text, entry.tensors.back());
}

Result<std::vector<CheckpointEntry>>
parseCheckpoints(const std::string &text, const std::string &fileName) {
  std::vector<CheckpointEntry> entries;
  std::istringstream lines(text);
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    line = line.substr(0, line.find('#'));
    if (trimmed(line).empty())
      continue;
    if (Status status = parseLine(line, entries); !status)
      return status.withContext(fileName + ":" + std::to_string(number));
  }
  return entries;
}

const std::vector<CheckpointEntry> &checkpointEntries() {
  // The shipped text is tested to parse.
  static const std::vector<CheckpointEntry> entries = [] {
    auto parsed = parseCheckpoints(checkpointsText, "checkpoints.txt");
    return parsed ? *parsed : std::vector<CheckpointEntry>();
  }();
  return entries;
}

} // namespace quern::weights
