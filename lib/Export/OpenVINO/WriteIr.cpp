// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The text of OpenVINO's IR.

#include "IrGraph.h"

#include "llvm/ADT/StringRef.h"

#include <map>

using namespace quern;
using namespace quern::exporter;

/// What ports of layers call a type: the same in capitals, but for these.
static std::string precisionOf(const IrType &type) {
  static const std::map<std::string, std::string> others = {
      {"f32", "FP32"}, {"f16", "FP16"}, {"boolean", "BOOL"}};
  auto found = others.find(type.name);
  return found == others.end() ? llvm::StringRef(type.name).upper()
                               : found->second;
}

/// Text in an attribute. Characters that XML has no form for become question
/// marks; names of weights may be anything.
static std::string escaped(const std::string &text) {
  std::string result;
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '&')
      result += "&amp;";
    else if (c == '<')
      result += "&lt;";
    else if (c == '>')
      result += "&gt;";
    else if (c == '"')
      result += "&quot;";
    else if (c == '\t' || c == '\n' || c == '\r')
      result += "&#" + std::to_string(int(byte)) + ";";
    else if (byte < 0x20)
      result += '?';
    else
      result += c;
  }
  return result;
}

static std::string attribute(const std::string &name,
                             const std::string &value) {
  return " " + name + "=\"" + escaped(value) + "\"";
}

static std::string dimensions(const std::vector<int64_t> &shape) {
  std::string text;
  for (int64_t extent : shape)
    text += "\t\t\t\t\t<dim>" + std::to_string(extent) + "</dim>\n";
  return text;
}

static std::string port(size_t id, const IrLayer &source, bool isOutput) {
  std::string text = "\t\t\t\t<port" + attribute("id", std::to_string(id)) +
                     attribute("precision", precisionOf(source.element));
  std::string names;
  for (const std::string &name : source.tensorNames)
    names += (names.empty() ? "" : ",") + name;
  if (isOutput && !names.empty())
    text += attribute("names", names);
  return text + ">\n" + dimensions(source.shape) + "\t\t\t\t</port>\n";
}

static std::string layerText(size_t id, const IrLayer &layer,
                             const std::vector<IrLayer> &layers,
                             uint64_t smallBytes) {
  std::string text = "\t\t<layer" + attribute("id", std::to_string(id)) +
                     attribute("name", layer.name) +
                     attribute("type", layer.type) +
                     attribute("version", layer.opset) + ">\n";
  auto attributes = layer.attributes;
  if (layer.isConstant) {
    uint64_t begin = layer.offset + (layer.isSmall ? 0 : smallBytes);
    attributes.emplace_back("offset", std::to_string(begin));
    attributes.emplace_back("size", std::to_string(layer.bytes));
  }
  if (!attributes.empty()) {
    text += "\t\t\t<data";
    for (auto &[name, value] : attributes)
      text += attribute(name, value);
    text += "/>\n";
  }
  if (!layer.inputs.empty()) {
    text += "\t\t\t<input>\n";
    for (size_t i = 0; i < layer.inputs.size(); ++i)
      text += port(i, layers[layer.inputs[i]], /*isOutput=*/false);
    text += "\t\t\t</input>\n";
  }
  if (!layer.isResult)
    text += "\t\t\t<output>\n" +
            port(layer.inputs.size(), layer, /*isOutput=*/true) +
            "\t\t\t</output>\n";
  return text + "\t\t</layer>\n";
}

static std::string edgesText(const std::vector<IrLayer> &layers) {
  std::string text;
  for (size_t to = 0; to < layers.size(); ++to)
    for (size_t i = 0; i < layers[to].inputs.size(); ++i) {
      size_t from = layers[to].inputs[i];
      text +=
          "\t\t<edge" + attribute("from-layer", std::to_string(from)) +
          attribute("from-port", std::to_string(layers[from].inputs.size())) +
          attribute("to-layer", std::to_string(to)) +
          attribute("to-port", std::to_string(i)) + "/>\n";
    }
  return text;
}

std::string exporter::writeIr(const std::vector<IrLayer> &layers,
                              uint64_t smallBytes) {
  std::string text = "<?xml version=\"1.0\"?>\n"
                     "<net name=\"forward\" version=\"11\">\n\t<layers>\n";
  for (size_t i = 0; i < layers.size(); ++i)
    text += layerText(i, layers[i], layers, smallBytes);
  return text + "\t</layers>\n\t<edges>\n" + edgesText(layers) +
         "\t</edges>\n\t<rt_info>\n\t\t<producer" +
         attribute("value", std::string("quern ") + QUERN_VERSION) +
         "/>\n\t</rt_info>\n</net>\n";
}
