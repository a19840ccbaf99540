// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The values of a module's weights: one function for each kind of
// initial value.

#include "quern/Reference/WeightStore.h"
#include "Mismatch.h"
#include "Types.h"
#include "quern/Dialect/NN/IR/NNAttrs.h"
#include "quern/Dialect/QK/IR/QKAttrs.h"
#include "quern/Dialect/QT/IR/QTAttrs.h"
#include "quern/Numerics/AlignBlocks.h"
#include "quern/Numerics/Columns.h"
#include "quern/Numerics/EncodeTensor.h"
#include "quern/Reference/Math.h"
#include "quern/Reference/Quantize.h"
#include "quern/Weights/TensorView.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/raw_ostream.h"
#include <cstring>
#include <list>

using namespace quern;
using namespace quern::reference;

using Sources =
    std::map<std::string, std::shared_ptr<const weights::WeightSource>>;

/// The source that is bound to `scope`.
static Result<const weights::WeightSource *> sourceOf(mlir::StringAttr scope,
                                                      const Sources &sources) {
  auto source = sources.find(scope.str());
  if (source == sources.end())
    return mismatch("weights for the scope '" + scope.str() + "'", "none");
  return source->second.get();
}

/// A tensor of `type` whose numbers `read` writes.
static Result<Tensor>
readNumbers(mlir::RankedTensorType type,
            llvm::function_ref<Status(Span<float> values)> read) {
  std::vector<float> values(size_t(type.getNumElements()));
  if (Status status = read(values); !status)
    return status;
  return Tensor::ofReals(type.getShape().vec(), std::move(values));
}

static Result<Tensor> readExternal(param::ExternalAttr external,
                                   mlir::RankedTensorType type,
                                   const Sources &sources) {
  auto source = sourceOf(external.getScope(), sources);
  if (!source)
    return source.status();
  std::string key = external.getKey().str();
  Result<const weights::TensorInfo *> info = (*source)->get(key);
  if (!info)
    return info.status();
  if (llvm::ArrayRef((*info)->shape) != type.getShape())
    return weights::inTensor(
        **info, mismatch("the shape of " + textOf(type),
                         Tensor::ofReals((*info)->shape, {}).shapeText()));
  return readNumbers(type, [&](Span<float> values) {
    return weights::readRowsAsFloat(**source, key, 0, (*info)->rows(), values);
  });
}

/// The rows of a tensor that `attribute` says.
static Result<Tensor> readView(param::ViewAttr attribute,
                               mlir::RankedTensorType type,
                               const Sources &sources) {
  auto source = sourceOf(attribute.getSource().getScope(), sources);
  if (!source)
    return source.status();
  weights::TensorView view = {attribute.getSource().getKey().str(),
                              attribute.getFirst(), attribute.getRun(),
                              attribute.getStride(), attribute.getTransposed()};
  if (Status status = weights::checkView(**source, view, type.getShape().vec());
      !status)
    return status;
  return readNumbers(type, [&](Span<float> values) {
    return weights::readViewAsFloat(**source, view, 0, type.getDimSize(0),
                                    values);
  });
}

static Result<Tensor> readStack(param::StackAttr attribute,
                                mlir::RankedTensorType type,
                                const Sources &sources) {
  auto source = sourceOf(attribute.getScope(), sources);
  if (!source)
    return source.status();
  weights::TensorStack stack = {attribute.getKey().str(), attribute.getCount()};
  if (Status status =
          weights::checkStack(**source, stack, type.getShape().vec());
      !status)
    return status;
  return readNumbers(type, [&](Span<float> values) {
    return weights::readStackAsFloat(**source, stack, 0, type.getDimSize(0),
                                     values);
  });
}

namespace {
/// What the tensors of a `#qk.stored` hold.
struct Stored {
  numerics::CodedTensor codes; ///< in the format without an order of columns
  std::vector<int32_t> order;  ///< of columns; empty without one
};
} // namespace

/// The bytes of one tensor; those of a number go into `constants`.
static Result<Span<const uint8_t>>
storedBytes(mlir::Attribute tensor, const Sources &sources,
            std::list<std::vector<uint8_t>> &constants) {
  if (auto splat = llvm::dyn_cast<param::SplatAttr>(tensor)) {
    auto number = float(splat.getValue().getValueAsDouble());
    std::vector<uint8_t> &bytes = constants.emplace_back(sizeof number);
    std::memcpy(bytes.data(), &number, sizeof number);
    return Span<const uint8_t>(bytes);
  }
  auto external = llvm::cast<param::ExternalAttr>(tensor);
  auto source = sourceOf(external.getScope(), sources);
  if (!source)
    return source.status();
  auto info = (*source)->get(external.getKey().str());
  if (!info)
    return info.status();
  return (*info)->bytes;
}

/// The bytes of the tensors of one matrix, but for groups of columns.
static Result<std::vector<Span<const uint8_t>>>
storedSegments(qk::StoredAttr stored, int64_t matrix, const Sources &sources,
               std::list<std::vector<uint8_t>> &constants) {
  std::vector<Span<const uint8_t>> segments;
  size_t count = stored.getStoredLayout().segments.size();
  for (mlir::Attribute tensor : stored.getTensors().take_front(count)) {
    auto bytes =
        storedBytes(stored.getTensorOf(tensor, matrix), sources, constants);
    if (!bytes)
      return bytes.status();
    segments.push_back(*bytes);
  }
  return segments;
}

/// The keys of its tensors, for messages.
static std::string namesOf(qk::StoredAttr stored) {
  std::string names;
  for (mlir::Attribute tensor : stored.getTensors())
    if (auto external = llvm::dyn_cast<param::ExternalAttr>(tensor))
      names += (names.empty() ? "" : ", ") + external.getKey().str();
  return names;
}

static Result<Stored> readStored(qk::StoredAttr stored,
                                 mlir::RankedTensorType type,
                                 const Sources &sources) {
  if (type.getRank() < 1 || type.getRank() > 2)
    return mismatch("a vector or a matrix", textOf(type));
  int64_t cols = type.getShape().back();
  int64_t rows = type.getRank() == 2 ? type.getDimSize(0) : 1;
  numerics::Format format = stored.getMatrixFormat();
  numerics::StoredRows storedRows = stored.getStoredRows(rows);
  std::string names = namesOf(stored);
  Status status = numerics::checkLayout(stored.getStoredLayout(), format,
                                        storedRows.rowsOfEach, cols);
  if (status)
    status = numerics::checkStoredRows(storedRows, format, rows, cols);
  if (!status)
    return status.withContext(names);
  std::list<std::vector<uint8_t>> constants;
  auto segmentsOf = [&](int64_t matrix) {
    return storedSegments(stored, matrix, sources, constants);
  };
  Stored result;
  if (stored.hasOrder()) {
    auto groups = storedBytes(stored.getTensors().back(), sources, constants);
    if (!groups)
      return groups.status();
    auto order = numerics::orderByGroup(*groups, cols, format.block.cols);
    if (!order)
      return order.status().withContext(names);
    result.order = std::move(*order);
  }
  auto coded =
      numerics::unpackStoredRows(stored.getStoredLayout(), format, storedRows,
                                 rows, cols, 0, rows, segmentsOf);
  status = coded ? numerics::checkFinite(format, *coded, 0) : coded.status();
  if (!status)
    return status.withContext(names);
  result.codes = std::move(*coded);
  if (!result.order.empty())
    numerics::takeColumns(result.codes.planes["code"], result.order);
  return result;
}

/// The numbers that the codes of `stored` stand for.
static Result<Tensor> decodeStored(qk::StoredAttr stored,
                                   mlir::RankedTensorType type,
                                   const Sources &sources) {
  auto found = readStored(stored, type, sources);
  if (!found)
    return found.status();
  std::vector<float> values =
      numerics::decodeRows(stored.getMatrixFormat(), found->codes);
  if (!found->order.empty())
    numerics::applyColumns(stored.getStoredFormat(), {{found->order, {}}}, {{}},
                           found->codes.rows, values);
  return Tensor::ofReals(type.getShape().vec(), std::move(values));
}

/// The numbers that `value` says, as a plain tensor of type `type`. Where an
/// error costs more in some columns than in others, `columnWeights` (may be
/// null) becomes what it costs in each.
static Result<Tensor> makePlain(mlir::Attribute value,
                                mlir::RankedTensorType type,
                                const Sources &sources,
                                std::vector<float> *columnWeights = nullptr);

static Result<Tensor> makeSum(param::SumAttr sum, mlir::RankedTensorType type,
                              const Sources &sources) {
  auto whole =
      mlir::RankedTensorType::get(type.getShape(), sum.getAddend().getType());
  Result<Tensor> numbers = makePlain(sum.getSource(), whole, sources);
  if (!numbers)
    return numbers;
  return readNumbers(type, [&](Span<float> values) {
    for (size_t i = 0; i < values.size(); ++i)
      values[i] =
          numbers->values()[i] + sum.getAddend().getValue().convertToFloat();
    return Status::ok();
  });
}

static Result<Tensor> makeSplat(param::SplatAttr splat,
                                mlir::RankedTensorType type) {
  float value = float(splat.getValue().getValueAsDouble());
  return Tensor::ofReals(
      type.getShape().vec(),
      std::vector<float>(size_t(type.getNumElements()), value));
}

static Result<Tensor> makeRopeTable(nn::RopeTableAttr table) {
  llvm::ArrayRef<float> frequencies = table.getInverseFrequencies();
  return ropeTable(0, table.getPositions(),
                   {frequencies.data(), frequencies.size()}, table.getFactor());
}

/// The weight that `part` is of, seen through its column transforms.
static Result<numerics::ColumnView> viewColumns(qt::PartAttr part,
                                                const Sources &sources) {
  mlir::RankedTensorType type = part.getWeightType();
  auto stored = llvm::dyn_cast<qk::StoredAttr>(part.getSource());
  if (stored && stored.hasOrder()) {
    auto found = readStored(stored, type, sources);
    if (!found)
      return found.status();
    return numerics::ColumnView(
        part.getFormat(), nullptr, type.getDimSize(0), type.getDimSize(1),
        std::vector<numerics::ColumnData>{{found->order, {}}});
  }
  Result<Tensor> weight = makePlain(part.getSource(), type, sources);
  if (!weight)
    return weight.status();
  auto read = [weight = *weight](int64_t begin, int64_t end, Span<float> rows) {
    Span<const float> from = weight.values().subspan(
        size_t(begin * weight.cols()), size_t((end - begin) * weight.cols()));
    std::copy(from.begin(), from.end(), rows.begin());
    return Status::ok();
  };
  return numerics::ColumnView::create(part.getFormat(), read,
                                      type.getDimSize(0), type.getDimSize(1));
}

static Result<Tensor> makePart(qt::PartAttr part, mlir::RankedTensorType type,
                               const Sources &sources,
                               std::vector<float> *columnWeights) {
  Result<numerics::ColumnView> view = viewColumns(part, sources);
  if (!view)
    return view.status();
  std::vector<float> values(size_t(type.getNumElements()));
  if (Status status =
          view->read(part.getColumnPart(), 0, type.getDimSize(0), values);
      !status)
    return status;
  if (columnWeights &&
      part.getColumnPart().role == numerics::ColumnRole::Matrix)
    *columnWeights = view->weights();
  return Tensor::ofReals(type.getShape().vec(), std::move(values));
}

static Result<Tensor> makePlain(mlir::Attribute value,
                                mlir::RankedTensorType type,
                                const Sources &sources,
                                std::vector<float> *columnWeights) {
  Result<Tensor> numbers =
      llvm::TypeSwitch<mlir::Attribute, Result<Tensor>>(value)
          .Case([&](param::ExternalAttr external) {
            return readExternal(external, type, sources);
          })
          .Case([&](param::ViewAttr view) {
            return readView(view, type, sources);
          })
          .Case([&](param::StackAttr stack) {
            return readStack(stack, type, sources);
          })
          .Case([&](param::SumAttr sum) { return makeSum(sum, type, sources); })
          .Case([&](param::SplatAttr splat) { return makeSplat(splat, type); })
          .Case([&](nn::RopeTableAttr table) { return makeRopeTable(table); })
          .Case([&](qk::StoredAttr stored) {
            return decodeStored(stored, type, sources);
          })
          .Case([&](qt::PartAttr part) {
            return makePart(part, type, sources, columnWeights);
          })
          .Default([&](mlir::Attribute other) -> Result<Tensor> {
            std::string text;
            llvm::raw_string_ostream(text) << other;
            return mismatch(
                "#param.external, #param.view, #param.stack, #param.sum, "
                "#param.splat, #qk.stored, #nn.rope_table or #qt.part",
                text);
          });
  if (!numbers)
    return numbers;
  return roundToElement(*numbers, type.getElementType());
}

/// The tensor of these codes of `flat`, brought into `format`.
static Result<Tensor> makeAligned(const numerics::Format &flat,
                                  const numerics::Format &format,
                                  const numerics::CodedTensor &coded) {
  Result<numerics::CodedTensor> aligned =
      numerics::alignCodes(flat, format, coded);
  if (!aligned)
    return aligned.status();
  return Tensor::ofCodes(std::make_shared<const numerics::Format>(format),
                         std::move(*aligned));
}

/// A weight of `format` that takes its codes from a container.
static Result<Tensor> makeStored(qk::StoredAttr stored,
                                 mlir::RankedTensorType type,
                                 const numerics::Format &format,
                                 const Sources &sources) {
  auto found = readStored(stored, type, sources);
  if (!found)
    return found.status();
  numerics::Format held = stored.getMatrixFormat();
  if (held != format)
    return makeAligned(held, format, found->codes);
  return Tensor::ofCodes(std::make_shared<const numerics::Format>(format),
                         std::move(found->codes));
}

/// The `#qk.stored` whose codes, columns sorted, a weight takes: its value or,
/// of a weight whose order of columns became operations, what that is of.
static qk::StoredAttr storedCodesOf(mlir::Attribute value,
                                    qt::FormatAttr format) {
  auto part = llvm::dyn_cast<qt::PartAttr>(value);
  if (part && part.getColumnPart().role == numerics::ColumnRole::Matrix)
    return llvm::dyn_cast<qk::StoredAttr>(part.getSource());
  bool isOrdered = format && !format.getFormat().columns.empty();
  return isOrdered ? nullptr : llvm::dyn_cast<qk::StoredAttr>(value);
}

static Result<Tensor> makeWeight(param::GlobalOp global,
                                 const Sources &sources) {
  mlir::RankedTensorType type = global.getTensorType();
  auto encode = llvm::dyn_cast<qt::EncodeAttr>(global.getValue());
  qt::FormatAttr format = qt::getFormatAttr(type);
  qk::StoredAttr stored = storedCodesOf(global.getValue(), format);
  if (stored && format)
    return makeStored(stored, type, format.getFormat(), sources);
  if (!encode)
    return makePlain(global.getValue(), type, sources);
  if (!format)
    return mismatch("a type with the encoding #qt.format", textOf(type));
  auto plain = mlir::RankedTensorType::get(type.getShape(), encode.getFrom());
  std::vector<float> weights;
  Result<Tensor> numbers =
      makePlain(encode.getSource(), plain, sources, &weights);
  if (!numbers)
    return numbers;
  std::string solver = encode.getSolver().str();
  if (!encode.getFlat())
    return quantize(*numbers, format.getFormat(), solver, weights);
  const numerics::Format &flat = encode.getFlat().getFormat();
  Result<Tensor> coded = quantize(*numbers, flat, solver, weights);
  if (!coded)
    return coded;
  return makeAligned(flat, format.getFormat(), *coded->coded());
}

void WeightStore::bind(const std::string &scope,
                       std::shared_ptr<const weights::WeightSource> source) {
  sources[scope] = std::move(source);
}

Result<Tensor> WeightStore::load(param::GlobalOp global) {
  std::string name = global.getSymName().str();
  auto known = loaded.find(name);
  if (known != loaded.end())
    return known->second;
  Result<Tensor> weight = makeWeight(global, sources);
  if (!weight)
    return weight.status().withContext("weight '" + name + "'");
  loaded.emplace(name, *weight);
  return weight;
}

Result<Tensor> WeightStore::loadWhole(param::GlobalOp global) {
  auto encode = llvm::dyn_cast<qt::EncodeAttr>(global.getValue());
  auto part = llvm::dyn_cast<qt::PartAttr>(encode ? encode.getSource()
                                                  : global.getValue());
  if (!part || part.getColumnPart().role != numerics::ColumnRole::Matrix)
    return load(global);
  Result<Tensor> numbers =
      makePlain(part.getSource(), part.getWeightType(), sources);
  Result<Tensor> weight =
      numbers && encode
          ? quantize(*numbers, part.getFormat(), encode.getSolver().str())
          : numbers;
  if (!weight)
    return weight.status().withContext("weight '" + global.getSymName().str() +
                                       "'");
  return weight;
}
