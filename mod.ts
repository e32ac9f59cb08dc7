/**
 * Strata: deep learning in layers, on hand-written WebGPU kernels.
 *
 * A network is a stack of layers; training is three steps, forward, backward and update, each a fixed sequence of kernels
 * that is recorded once and replayed.
 *
 * @example
 * ```ts
 * import { Dense, generateDigits, Gpu, Sequential, Sgd } from "@strata/strata";
 *
 * await using gpu = await Gpu.open();
 * const digits = generateDigits({ count: 500, seed: 1 });
 * using model = new Sequential([new Dense({ units: 10 })], { gpu, inputShape: [1, 28, 28] });
 * model.compile({ loss: "softmaxCrossEntropy", optimizer: new Sgd({ learningRate: 0.1 }) });
 * const history = await model.fit(digits, { epochs: 3 });
 * console.log(history.epochs.map((epoch) => epoch.loss));
 * ```
 *
 * @module
 */

export * from "./src/errors.ts";
export type { Shape } from "./src/shape.ts";
export type {
  ConvolutionGeometry,
  ReceptiveField,
  WindowGeometry,
} from "./src/convolution_shape.ts";
export type {
  ConvolutionOptions,
  FilterOptions,
  Padding,
  PerDimension,
  PoolOptions,
} from "./src/window_options.ts";
export { permute, Random, threefry } from "./src/random.ts";
export { gaussianKernel, sobelKernel } from "./src/filter_kernels.ts";
export {
  type MatrixRows,
  separability,
  separate,
  type SeparatedKernel,
  type SingularValues,
  singularValues,
} from "./src/singular_values.ts";

export type { CompiledKernel } from "./src/gpu/compile.ts";
export type { AdapterInfo, Copyable, Device, DeviceOptions } from "./src/gpu/device.ts";
export type { KernelParameters, LineOrigin, SourceText } from "./src/gpu/expand.ts";
export { Gpu } from "./src/gpu/gpu.ts";
export { Kernel, type KernelBinding, KernelFamily, type KernelUniform } from "./src/gpu/kernel.ts";
export type { Memory, MemoryPurpose, MemoryUse, Storage } from "./src/gpu/memory.ts";
export type { Lifetime } from "./src/gpu/plan.ts";
export type { DeviceLimits } from "./src/gpu/planned_device.ts";
export {
  type DispatchDescription,
  type DispatchProfile,
  Program,
  type ProgramRecorder,
} from "./src/gpu/program.ts";
export { type Dispatch, type Recorder, Scalar } from "./src/gpu/recorder.ts";
export { ScratchPool } from "./src/gpu/scratch_pool.ts";
export { type ArrayOf, type DataType, type Float, Tensor } from "./src/gpu/tensor.ts";
export type { CopiedRange } from "./src/gpu/texture_copies.ts";
export { tune, type TuneOptions, type TuningReport } from "./src/gpu/tune.ts";
export type { TuningResult } from "./src/gpu/tuner.ts";
export type { ChoiceRequest, Tuning, TuningMode } from "./src/gpu/tuning.ts";
export type { TuningEntry, TuningFile, TuningIdentity } from "./src/gpu/tuning_file.ts";

export { ACTIVATION_NAMES, type ActivationName } from "./src/ops/activation_source.ts";
export * from "./src/ops/activations.ts";
export * from "./src/ops/batch_norm.ts";
export {
  type BatchNormScaleGradients,
  batchNormScaleGradients,
  type BatchNormScaleGradientsOptions,
} from "./src/ops/batch_norm_scale.ts";
export { cast } from "./src/ops/cast.ts";
export {
  type ChannelStatistics,
  channelStatistics,
  updateRunningStatistics,
} from "./src/ops/channel_statistics.ts";
export {
  conv1d,
  conv1dInputGradient,
  conv1dWeightGradient,
  conv2d,
  conv2dInputGradient,
  conv2dWeightGradient,
  conv3d,
  conv3dInputGradient,
  conv3dWeightGradient,
  convolutionPlan,
  type ConvolutionPlanOptions,
  type ConvolveOptions,
  type InputGradientOptions,
  type WeightGradientOptions,
  type WeightGradients,
} from "./src/ops/convolution.ts";
export type { ConvolutionPass } from "./src/ops/convolution_method.ts";
export {
  type AlgorithmOptions,
  CONVOLUTION_ALGORITHMS,
  type ConvolutionAlgorithm,
  type ConvolutionMethodName,
  type ConvolutionPlan,
} from "./src/ops/convolution_plan.ts";
export {
  augmentImages,
  augmentImagesGradient,
  type AugmentOptions,
  type ChannelOptions,
  normalizeChannels,
  normalizeChannelsGradient,
} from "./src/ops/augment.ts";
export * from "./src/ops/elementwise.ts";
export { fft2d, type Fft2dOptions, ifft2d, type InverseFft2dOptions } from "./src/ops/fft.ts";
export { filter2d, type Filter2dOptions } from "./src/ops/filter2d.ts";
export {
  embedding,
  embeddingGradient,
  type EmbeddingGradientOptions,
} from "./src/ops/embedding.ts";
export { type GatherOptions, gatherRows } from "./src/ops/gather.ts";
export * from "./src/ops/local_response_norm.ts";
export * from "./src/ops/losses.ts";
export {
  batchedMatmul,
  type BatchedMatmulOptions,
  matmul,
  type MatmulOptions,
} from "./src/ops/matmul.ts";
export type { ActivationSlope } from "./src/ops/epilogue.ts";
export type { CopiedOperands, MatmulParts, MatmulPlan, MatmulTile } from "./src/ops/matmul_plan.ts";
export * from "./src/ops/pooling.ts";
export { dropout, randomNormal, type RandomOptions, randomUniform } from "./src/ops/random.ts";
export type { ReductionPlan } from "./src/ops/reduction_plan.ts";
export {
  argmax,
  max,
  mean,
  type ReductionOptions,
  sum,
  sumOfSquares,
  type SumOptions,
} from "./src/ops/reductions.ts";
export * from "./src/ops/softmax.ts";
export { matches } from "./src/ops/statistics.ts";

export * from "./src/layers/activations.ts";
export { BatchNorm, type BatchNormLayerOptions } from "./src/layers/batch_norm.ts";
export { Branches } from "./src/layers/branches.ts";
export { ContainerLayer } from "./src/layers/container.ts";
export * from "./src/layers/convolution.ts";
export {
  AugmentationLayer,
  Normalize,
  type NormalizeOptions,
  RandomFlip,
  RandomShift,
} from "./src/layers/augmentation.ts";
export { Dense, type DenseOptions } from "./src/layers/dense.ts";
export * from "./src/layers/depthwise.ts";
export {
  describeLayers,
  type FieldOfView,
  type LayerDescription,
} from "./src/layers/description.ts";
export { Dropout } from "./src/layers/dropout.ts";
export { Embedding, type EmbeddingOptions } from "./src/layers/embedding.ts";
export { FilterLayer, type FilterLayerOptions } from "./src/layers/filter_layer.ts";
export { Flatten } from "./src/layers/flatten.ts";
export {
  type Fans,
  glorotNormal,
  glorotUniform,
  heNormal,
  heUniform,
  type Initializer,
  type InitializerName,
  lecunNormal,
  lecunUniform,
  normal,
  zeros,
} from "./src/layers/initializers.ts";
export type {
  BufferSpec,
  Layer,
  LayerContext,
  LayerOutput,
  LayerWindow,
  ParameterSpec,
} from "./src/layers/layer.ts";
export {
  LocalResponseNorm,
  type LocalResponseNormLayerOptions,
} from "./src/layers/local_response_norm.ts";
export { ParameterlessLayer } from "./src/layers/parameterless_layer.ts";
export * from "./src/layers/pooling.ts";
export { Residual, type ResidualOptions } from "./src/layers/residual.ts";
export type { LossFunction, LossName } from "./src/losses/losses.ts";
export { Adagrad, type AdagradOptions } from "./src/optimizers/adagrad.ts";
export {
  Adam,
  type AdamFamily,
  type AdamNumbers,
  type AdamOptions,
  AdamW,
  type AdamWOptions,
  Nadam,
  type NadamNumbers,
  type NadamOptions,
} from "./src/optimizers/adam.ts";
export type { Optimizer, OptimizerOptions, UpdateTensors } from "./src/optimizers/optimizer.ts";
export { RmsProp, type RmsPropOptions } from "./src/optimizers/rms_prop.ts";
export * from "./src/optimizers/schedules.ts";
export { Sgd, type SgdOptions } from "./src/optimizers/sgd.ts";

export { pegasos, type PegasosOptions, type PegasosResult } from "./src/solvers/pegasos.ts";
export type { Averaging } from "./src/solvers/pegasos_descent.ts";
export { smo, type SmoOptions, type SmoResult } from "./src/solvers/smo.ts";
export type { SparseRows, SvmData, SvmPoints } from "./src/solvers/svm_data.ts";
export type { SvmKernel } from "./src/solvers/svm_kernel.ts";
export type { ConvergencePoint, RateTrial, ReachedAccuracy } from "./src/convergence.ts";
export { solveLogistic } from "./src/solvers/logistic.ts";
export * from "./src/solvers/logistic_comparison.ts";
export type {
  BinaryLogisticFit,
  BinaryLogisticProblem,
  CoordinateDescentOptions,
  GradientDescentOptions,
  LbfgsOptions,
  LogisticArrays,
  LogisticBatch,
  LogisticCommonOptions,
  LogisticFit,
  LogisticOptions,
  LogisticPenalties,
  LogisticProblem,
  LogisticReason,
  LogisticSolverName,
  LogisticStream,
  LogisticTraceEntry,
  NewtonOptions,
  SagaOptions,
  StochasticGradientOptions,
} from "./src/solvers/logistic_options.ts";

export * from "./src/models/alexnet.ts";
export * from "./src/models/inception.ts";
export * from "./src/models/lenet.ts";
export {
  type DeviceDescription,
  type ExamplesDescription,
  type MemoryOptions,
  type MemoryPrediction,
  type ModelWork,
  predictMemory,
} from "./src/models/memory.ts";
export type {
  DeepLayersOptions,
  DeepNetworkOptions,
  NetworkOptions,
} from "./src/models/network_options.ts";
export * from "./src/models/optimizer_comparison.ts";
export * from "./src/models/perceptron.ts";
export { learningRateSearch } from "./src/models/learning_rate_search.ts";
export { Sequential, type SequentialOptions } from "./src/models/sequential.ts";
export { summarize } from "./src/models/summary.ts";
export * from "./src/models/vgg.ts";
export type { EvaluateOptions, Evaluation } from "./src/training/evaluate.ts";
export type { FitOptions } from "./src/training/fit.ts";
export type { EpochRecord, History, Progress } from "./src/training/history.ts";
export type {
  LearningRateCurve,
  LearningRateMethod,
  LearningRatePoint,
  LearningRateSearchOptions,
} from "./src/training/learning_rate_search.ts";
export type { LossScalingOptions } from "./src/training/loss_scale.ts";
export type { LayerBuffer, Parameter } from "./src/training/parameters.ts";
export type { Inputs, InputSource, PredictOptions } from "./src/training/predict.ts";
export type { CompileOptions, MetricName, Precision } from "./src/training/trainer.ts";
export type { ModelTuneOptions } from "./src/training/tune_network.ts";

export {
  type Batch,
  type BatchExpectation,
  type BatchSource,
  checkBatch,
  Dataset,
  type DatasetOptions,
} from "./src/data/dataset.ts";
export {
  type ChannelMoments,
  channelMoments,
  type ChannelMomentsOptions,
} from "./src/data/channel_moments.ts";
export { CIFAR10_CLASSES, type Cifar10Split, loadCifar10, parseCifar10 } from "./src/data/cifar.ts";
export {
  type CsvChunks,
  type CsvOptions,
  type CsvRecord,
  CsvRecords,
  type CsvSource,
  openCsv,
  readCsv,
  type ReadCsvOptions,
} from "./src/data/csv.ts";
export { type DigitOptions, generateDigits } from "./src/data/digits.ts";
export { writeFileAtomic } from "./src/data/files.ts";
export { gunzip, type IdxFile, isGzip, parseIdx } from "./src/data/idx.ts";
export { loadImage, saveImage } from "./src/data/image_files.ts";
export type { Image, ImageSource } from "./src/data/image_planes.ts";
export { loadMnist, type MnistSplit, parseMnist } from "./src/data/mnist.ts";
export {
  downloadMnist,
  type DownloadOptions,
  type DownloadProgress,
} from "./src/data/mnist_download.ts";
export { encodePng, isPng, parsePng } from "./src/data/png.ts";
export { encodePpm, isPpm, parsePpm } from "./src/data/ppm.ts";
export {
  encodeSafetensors,
  parseSafetensors,
  type SafeTensor,
  type SafeTensors,
  type SafeTensorType,
} from "./src/data/safetensors.ts";
export { loadTable, TableEncoding } from "./src/data/table.ts";
export { TableBatches, type TableBatchOptions } from "./src/data/table_batches.ts";
export type {
  CategoryColumn,
  FeatureColumn,
  LabelColumn,
  NumberColumn,
  TableParts,
} from "./src/data/table_columns.ts";
export { fitTable, type TableOptions } from "./src/data/table_fit.ts";
export type { TableJson } from "./src/data/table_json.ts";

export { ConfusionMatrix, formatConfusionMatrix } from "./src/report/confusion_matrix.ts";
export { learningRateChart } from "./src/report/learning_rate_chart.ts";
export {
  type ChartAxis,
  type ChartMark,
  type ChartSeries,
  type LineChart,
  lineChart,
} from "./src/report/line_chart.ts";
export {
  formatDuration,
  formatLoss,
  formatProgress,
  type ProgressOptions,
} from "./src/report/progress_bar.ts";
export { formatTable, type TableCell, type TableColumn } from "./src/text_table.ts";
