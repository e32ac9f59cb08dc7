/**
 * `deno task train` as its users run it: as a process of its own, with the permissions of deno.json.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { CIFAR10_CLASSES, loadCifar10 } from "../src/data/cifar.ts";
import { generateDigits } from "../src/data/digits.ts";
import { OptionError } from "../src/errors.ts";
import { Sequential } from "../src/models/sequential.ts";
import { TerminalDisplay } from "../tools/train_display.ts";
import { createModel } from "../tools/train_models.ts";
import { OPTIMIZERS } from "../tools/train_optimizers.ts";
import { helpText, parseOptions } from "../tools/train_options.ts";
import { withFolder } from "./folder.ts";
import { openGpu } from "./gpu.ts";
import { writeColours, writeDigits } from "./image_data.ts";
import { runTask, type RunTaskOptions } from "./task.ts";

const train = (args: readonly string[], options?: RunTaskOptions) =>
  runTask("train", args, options);

/** The environment of somebody who has never had MNIST. */
function nobody(folder: string): Record<string, string> {
  return { XDG_CACHE_HOME: `${folder}/cache`, LOCALAPPDATA: `${folder}/cache` };
}

async function isMissing(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => false, () => true);
}

Deno.test("train --help names every option, and fits a terminal", async () => {
  const { code, stdout, stderr } = await train(["--help"]);
  assertEquals([code, stderr], [0, ""]);
  assertEquals(stdout, `${helpText()}\n`);
  for (const option of Object.keys(parseOptions([]))) assert(stdout.includes(`--${option}`));
  assert(stdout.includes("--batch-size N") && stdout.includes("default 128"), stdout);
  for (const line of stdout.split("\n")) assert(line.length <= 100, line);
});

Deno.test("train refuses a wrong command line, without a stack", async () => {
  const { code, stdout, stderr } = await train(["--epoch", "3"]);
  assertEquals([code, stdout], [2, ""]);
  assertEquals(
    stderr,
    "Unknown option --epoch; did you mean --epochs?\ndeno task train --help lists the options.\n",
  );
});

Deno.test("train: every option is checked", async (t) => {
  const cases: [args: string, message: string][] = [
    ["--lr 0.2", "Unknown option --lr; did you mean --learning-rate?"],
    ["--batch_size=3", "Unknown option --batch_size; did you mean --batch-size?"],
    ["-e 3", "Unknown option -e; did you mean --epochs?"],
    ["--xyzzy", "Unknown option --xyzzy"],
    ["mlp", 'Expected options only, which begin with --, got "mlp"'],
    ["-- mlp", 'Expected options only, which begin with --, got "mlp"'],
    ["--epochs 0", "--epochs: expected a whole number of at least 1, got 0"],
    ["--epochs -1", "--epochs: expected a whole number of at least 1, got -1"],
    ["--epochs 1.5", "--epochs: expected a whole number of at least 1, got 1.5"],
    ["--epochs many", '--epochs: expected a whole number of at least 1, got "many"'],
    ["--epochs", "--epochs: expected a value (N), got none"],
    ["--epochs --offline", "--epochs: expected a value (N), got none"],
    ["--hidden 800,", '--hidden: expected a whole number of at least 1, got ""'],
    ["--hidden 0", "--hidden: expected a whole number of at least 1, got 0"],
    [
      "--model mpl",
      '--model: expected one of "mlp", "logistic", "lenet5", "alexnet-small", got "mpl"',
    ],
    ["--model logistic --hidden 9", "--hidden: expected none with --model logistic, got one"],
    ["--activation Relu", '--activation: expected one of "linear", "relu"'],
    ["--dropout 1", "--dropout: expected a number of at least 0 and at most 0.99, got 1"],
    ["--batch-size 0", "--batch-size: expected a whole number of at least 1, got 0"],
    ["--learning-rate 0", "--learning-rate: expected a number above 0, got 0"],
    ["--learning-rate -0.1", "--learning-rate: expected a number above 0, got -0.1"],
    ["--momentum 1", "--momentum: expected a number of at least 0 and at most 0.9999, got 1"],
    ["--nesterov --momentum 0", "--nesterov: expected a --momentum above 0, got 0"],
    ["--momentum 0.5 --optimizer adam", "--momentum: expected none with --optimizer adam, got one"],
    ["--optimizer rmsprop --nesterov", "--nesterov: expected none with --optimizer rmsprop"],
    ["--optimizer Adam", '--optimizer: expected one of "sgd", "adam", "adamw", "rmsprop"'],
    ["--find-rate --epochs 3", "--epochs: expected none with --find-rate, got one"],
    ["--learning-rate 1 --find-rate", "--learning-rate: expected none with --find-rate, got one"],
    ["--nesterov=maybe", '--nesterov: expected no value, got "maybe"'],
    ["--weight-decay -1", "--weight-decay: expected a number of at least 0, got -1"],
    ["--schedule cosinus", '--schedule: expected one of "constant", "cosine"'],
    ["--warm-up x", '--warm-up: expected a whole number of at least 0, got "x"'],
    ["--clip-norm 0", "--clip-norm: expected a number above 0, got 0"],
    ["--precision half", '--precision: expected one of "f32", "mixed", got "half"'],
    ["--seed 4294967296", "--seed: expected a whole number of at least 0 and at most 4294967295"],
    ["--train-size 0", "--train-size: expected a whole number of at least 1, got 0"],
    ["--out", "--out: expected a value (DIR), got none"],
  ];
  for (const [args, message] of cases) {
    await t.step(args, () => {
      assertThrows(() => parseOptions(args.split(" ")), OptionError, message);
    });
  }
});

Deno.test("train reads its options", () => {
  const options = parseOptions(
    ["--hidden=800,400", "--seed", "4294967295", "--nesterov", "--clip-norm", "1e-3", "--data=a b"],
  );
  assertEquals([options.hidden, options.seed], [[800, 400], 4294967295]);
  assertEquals([options.nesterov, options.offline, options.help], [true, false, false]);
  assertEquals([options["clip-norm"], options["weight-decay"]], [1e-3, 0]);
  assertEquals(options.precision, "f32");
  assertEquals([options.data, options.out, options["train-size"]], ["a b", undefined, undefined]);
  assertEquals(parseOptions(["-h", "--xyzzy"]).help, true);
});

Deno.test("train: what is not given depends on the optimizer", () => {
  const defaults = (args: string) => {
    const options = parseOptions(args.split(" "));
    return [options.momentum, options["weight-decay"]];
  };
  assertEquals(defaults("--optimizer sgd"), [0.9, 0]);
  assertEquals(defaults("--optimizer sgd --momentum 0"), [0, 0]);
  assertEquals(defaults("--optimizer rmsprop"), [0, 0]);
  assertEquals(defaults("--optimizer rmsprop --momentum 0.5"), [0.5, 0]);
  assertEquals(defaults("--optimizer adamw"), [0, 0.01]);
  assertEquals(defaults("--optimizer adamw --weight-decay 0"), [0, 0]);
});

Deno.test("train --optimizer: each learns, at its own learning rate", async (t) => {
  await withFolder(async (folder) => {
    await writeDigits(`${folder}/digits`, 2000, 500);
    for (const [name, { learningRate }] of Object.entries(OPTIMIZERS)) {
      await t.step(name, async () => {
        const out = `${folder}/${name}`;
        const args = ["--optimizer", name, "--data", `${folder}/digits`, "--batch-size=50"];
        const { code, stdout, stderr } = await train([...args, "--epochs=3", "--out", out]);
        assertEquals([code, stderr], [0, ""]);
        const label = name === "sgd" ? "" : `${name}, `;
        assert(stdout.includes(`          ${label}learning rate ${learningRate},`), stdout);
        const { epochs, options } = JSON.parse(await Deno.readTextFile(`${out}/history.json`));
        assertEquals([options.optimizer, options["learning-rate"]], [name, learningRate]);
        assert(epochs[2].valAccuracy > 0.7, `${epochs[2].valAccuracy} of the test images`);
      });
    }
  });
});

Deno.test("train --data refuses a folder that is none, or has not all files", async () => {
  await withFolder(async (folder) => {
    const { code, stderr } = await train(["--data", `${folder}/none`]);
    assertEquals(code, 2);
    assertMatch(
      stderr,
      /^--data: expected a CSV file, or a folder .*none", which does not exist\n/,
    );
    const empty = await train(["--data", folder]);
    assertEquals(empty.code, 2);
    assertMatch(empty.stderr, /the files of MNIST or CIFAR-10, got ".*", which has neither train-/);
    assertMatch(empty.stderr, / nor data_batch_1\.bin … data_batch_5\.bin, gzipped or not\n/);
    const images = new Uint8Array([0, 0, 8, 3, 0, 0, 0, 9, 0, 0, 0, 28, 0, 0, 0, 28]);
    await Deno.writeFile(`${folder}/train-images-idx3-ubyte`, images);
    const incomplete = await train(["--data", folder]);
    assertEquals(incomplete.code, 2);
    assertMatch(
      incomplete.stderr,
      /which has MNIST without train-labels-idx1-ubyte, gzipped or not\n/,
    );
    for (const name of ["train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"]) {
      await Deno.writeFile(`${folder}/${name}-ubyte`, new Uint8Array([0, 0, 8, 1, 0, 0, 0, 0]));
    }
    const malformed = await train(["--data", folder]);
    assertEquals(malformed.code, 1);
    assertMatch(malformed.stderr, /^train-images-idx3-ubyte: at byte .*: expected .*\n$/);
    for (const name of ["data_batch_2.bin", "test_batch.bin"]) {
      await Deno.writeFile(`${folder}/${name}`, new Uint8Array(3073));
    }
    const both = await train(["--data", folder]);
    assertEquals(both.code, 2);
    assertMatch(both.stderr, /, which has those of MNIST and CIFAR-10\n/);
  });
});

Deno.test("train --data names what is missing of CIFAR-10", async () => {
  await withFolder(async (folder) => {
    await Deno.writeFile(`${folder}/data_batch_3.bin`, new Uint8Array(3073));
    const { code, stderr } = await train(["--data", folder]);
    assertEquals(code, 2);
    assertMatch(stderr, /, which has CIFAR-10 without test_batch\.bin, gzipped or not\n/);
  });
});

Deno.test("train --data takes CIFAR-10: normalised, augmented, told and saved with the names of its classes", async () => {
  await withFolder(async (folder) => {
    await writeColours(`${folder}/cifar`, 200, 50);
    const data = ["--data", `${folder}/cifar`, "--batch-size=20", "--epochs=3"];
    const { code, stdout, stderr } = await train(
      [...data, "--model=logistic", "--augment", "--out", `${folder}/out`],
    );
    assertEquals([code, stderr], [0, ""]);
    assert(stdout.includes(`Data      CIFAR-10 files in ${folder}/cifar\n`), stdout);
    assert(stdout.includes("200 images to train on, 50 to test with\n"), stdout);
    assert(stdout.includes("learning rate 0.01, momentum 0.9, augmented images, seed 7\n"), stdout);
    assertMatch(stdout, /^class .* recall$/m);
    for (const name of CIFAR10_CLASSES) assertMatch(stdout, new RegExp(`^\\d ${name} `, "m"));
    assert(!/digit/.test(stdout), stdout);
    const wide = stdout.split("\n").filter((line) =>
      [...line].length > 80 && !line.includes(folder)
    );
    assertEquals(wide, [], "lines wider than a terminal");
    const history = JSON.parse(await Deno.readTextFile(`${folder}/out/history.json`));
    assertEquals([history.options.augment, history.options["learning-rate"]], [true, 0.01]);
    const { valAccuracy } = history.epochs[2];
    assert(valAccuracy > 0.9, `${valAccuracy} of ten colours`);

    // The saved model takes images as they are: the normalisation is in it.
    using model = await Sequential.load(`${folder}/out/model.safetensors`, {
      gpu: await openGpu(),
    });
    assertEquals(
      model.layers.map(({ kind }) => kind).join(),
      "Normalize,RandomFlip,RandomShift,Dense",
    );
    const test = await loadCifar10(`${folder}/cifar`, "test");
    const scores = await model.predict(test);
    const right = test.y.filter((label, i) => {
      const row = scores.subarray(10 * i, 10 * i + 10);
      return row.indexOf(Math.max(...row)) === label;
    }).length;
    assertEquals(right / 50, valAccuracy);
  });
});

Deno.test("createModel says that a network does not fit the images", async () => {
  const gpu = await openGpu();
  const tiny = generateDigits({ count: 10, seed: 1, size: 8 });
  const options = { ...parseOptions(["--model=lenet5"]) };
  await assertRejects(
    () => createModel(options, tiny, gpu),
    OptionError,
    "--model lenet5 cannot take images of shape [1, 8, 8]: Cannot build Conv2d (layer 2)",
  );
  using shifted = await createModel(
    { ...options, augment: true },
    generateDigits({ count: 10, seed: 1 }),
    gpu,
  );
  assertEquals(shifted.layers[0]!.kind, "RandomShift", "digits are not mirrored");
});

Deno.test("train --find-rate prints the losses, draws them, and trains nothing", async () => {
  await withFolder(async (folder) => {
    await writeDigits(`${folder}/digits`, 1000, 100);
    const args = ["--find-rate", "--optimizer=adam", "--model=logistic", "--batch-size=50"];
    const { code, stdout, stderr } = await train(
      [...args, "--data", `${folder}/digits`, "--out", `${folder}/new/out`],
    );
    assertEquals([code, stderr], [0, ""]);
    assertEquals([...stdout.matchAll(/^ *(0\.\d+|\d+(\.\d)?) {2,}\d\.?\d*/gm)].length, 13, stdout);
    assertEquals([...stdout.matchAll(/← lowest$/gm)].length, 1, stdout);
    assertMatch(stdout, /^Trials {4}--learning-rate \d\.?\d*:$/m);
    assertMatch(stdout, /^Range {5}--learning-rate \d\.?\d*:$/m);
    const files = [...Deno.readDirSync(`${folder}/new/out`)].map(({ name }) => name).sort();
    assertEquals(files, ["learning-rate-range.svg", "learning-rate-trials.svg"]);
    for (const file of files) {
      const svg = await Deno.readTextFile(`${folder}/new/out/${file}`);
      assertMatch(svg, /^<svg [^]*recommended: \d[^]*<\/svg>\n$/);
    }
  });
});

Deno.test("train --data trains, tells and saves; the same seed gives the same bits", async () => {
  await withFolder(async (folder) => {
    await writeDigits(`${folder}/digits`, 2000, 500);
    const args = ["--hidden=32,16", "--dropout=0.1", "--nesterov", "--schedule=cosine"]
      .concat(["--warm-up=5", "--clip-norm=5", "--weight-decay=1e-4", "--epochs=6"])
      .concat(["--data", `${folder}/digits`, "--batch-size=64", "--train-size=1990"]);
    const { code, stdout, stderr } = await train([...args, "--out", `${folder}/new/out`]);
    assertEquals(code, 0, stderr);
    // deno-lint-ignore no-control-regex
    assert(!/[\x1b\r]/.test(stdout), "no escape codes where there is no terminal");
    const wide = stdout.split("\n").filter((line) =>
      [...line].length > 80 && !line.includes(folder)
    );
    assertEquals(wide, [], "lines wider than a terminal");
    assertMatch(stdout, /^Adapter {3}\S/);
    assert(stdout.includes("1,990 images to train on, 500 to test with\n"), stdout);
    assert(stdout.includes("Dropout"), "the summary of the model");
    assertEquals([...stdout.matchAll(/^epoch \d\/6 {2}loss \d.*, test /gm)].length, 6, stdout);
    assertMatch(stdout, /^precision/m);
    const beforeAccuracy = stdout.slice(0, stdout.indexOf("\nAccuracy  "));
    assertMatch(beforeAccuracy, /^9 .* {2}(100|\d+\.\d)$/m, "the row of nines");

    // What was saved is what was told.
    const history = JSON.parse(await Deno.readTextFile(`${folder}/new/out/history.json`));
    assertEquals([history.epochs.length, history.stepLosses.length], [6, 6 * 32]);
    assertEquals([history.stopped, history.options["warm-up"]], [false, 5]);
    const { valAccuracy } = history.epochs[5];
    assert(valAccuracy > 0.7, `${valAccuracy} of the test images`);
    assert(stdout.includes(`Accuracy  ${(100 * valAccuracy).toFixed(2)}% of 500 test images`));
    assert(stdout.includes(`SHA-256   ${history.parameters.sha256}\n`), stdout);
    using model = await Sequential.load(`${folder}/new/out/model.safetensors`, {
      gpu: await openGpu(),
    });
    assertEquals(model.parameterCount, history.parameters.count);
    const { x, y } = generateDigits({ count: 500, seed: 2 });
    const scores = await model.predict(x);
    const right = y.filter((label, i) => {
      const row = scores.subarray(10 * i, 10 * i + 10);
      return row.indexOf(Math.max(...row)) === label;
    }).length;
    assertEquals(right / 500, valAccuracy);

    const again = await train([...args, "--out", `${folder}/again`]);
    const other = await train([...args, "--out", `${folder}/other`, "--seed", "8"]);
    assertEquals([again.code, other.code], [0, 0], again.stderr + other.stderr);
    const hash = async (name: string) =>
      JSON.parse(await Deno.readTextFile(`${folder}/${name}/history.json`)).parameters.sha256;
    assertEquals(await hash("again"), history.parameters.sha256);
    assert(await hash("other") !== history.parameters.sha256);
    const files = ["new/out", "again"].map((name) =>
      Deno.readFile(`${folder}/${name}/model.safetensors`)
    );
    const [first, second] = await Promise.all(files);
    assertEquals(first, second);
  });
});

Deno.test("train --offline, without MNIST, says so and draws digits", async () => {
  await withFolder(async (folder) => {
    const args = ["--offline", "--train-size=1000", "--test-size=200", "--epochs=4"];
    const { code, stdout, stderr } = await train(
      [...args, "--model=logistic", "--batch-size=50", "--out", `${folder}/out`],
      { env: nobody(folder) },
    );
    assertEquals(code, 0, stderr);
    assert(stdout.includes(`Found no MNIST in ${folder}/cache/strata/mnist`), stdout);
    assert(stdout.includes("Training on drawn digits instead"), stdout);
    assert(stdout.includes("\nResults with drawn digits, not MNIST\n"), stdout);
    const { epochs, data } = JSON.parse(await Deno.readTextFile(`${folder}/out/history.json`));
    assertEquals([data.train, data.test], [1000, 200]);
    assert(epochs[3].valAccuracy > 0.6, `${epochs[3].valAccuracy} by a linear classifier`);
  });
});

Deno.test("train uses MNIST from the cache folder", async () => {
  await withFolder(async (folder) => {
    await Deno.mkdir(`${folder}/cache/strata`, { recursive: true });
    await writeDigits(`${folder}/cache/strata/mnist`, 200, 50);
    const args = ["--epochs=1", "--out", `${folder}/out`, "--test-size=51"];
    const { code, stderr } = await train(args, { env: nobody(folder) });
    const expected = "--test-size: expected a whole number of at least 1 and at most 50, got 51\n";
    assertEquals([code, stderr.slice(0, expected.length)], [2, expected]);
    const { stdout: trained } = await train(args.slice(0, 3), { env: nobody(folder) });
    assert(trained.includes(`\nResults with MNIST from ${folder}/cache/strata/mnist\n`), trained);
  });
});

Deno.test({
  name: "train: SIGINT saves what there is and exits with 130",
  ignore: Deno.build.os === "windows", // where no process can send it to another
  fn: async () => {
    await withFolder(async (folder) => {
      await writeDigits(`${folder}/digits`, 4000, 100);
      const args = ["--data", `${folder}/digits`, "--epochs=5000", "--out", `${folder}/out`];
      let sent = false;
      const { code, stdout, stderr } = await train(args, {
        onLine(line, child) {
          if (sent || !line.startsWith("epoch 2/5000")) return;
          sent = true;
          child.kill("SIGINT");
        },
      });
      assertEquals([code, stderr], [130, ""]);
      assert(stdout.includes("Stopping after the steps in hand."), stdout);
      assert(stdout.includes("\nStopped   before its end\n"), stdout);
      const { epochs, stopped, stepLosses, parameters } = JSON.parse(
        await Deno.readTextFile(`${folder}/out/history.json`),
      );
      const steps = epochs.reduce((sum: number, epoch: { steps: number }) => sum + epoch.steps, 0);
      assertEquals([stopped, steps], [true, stepLosses.length]);
      assert(epochs.length >= 2 && epochs.length < 5000 && steps >= 64);
      assert(stdout.includes(`SHA-256   ${parameters.sha256}\n`));
      const gpu = await openGpu();
      using model = await Sequential.load(`${folder}/out/model.safetensors`, { gpu });
      assertEquals(model.parameterCount, parameters.count);
    });
  },
});

Deno.test("train: a loss that is no number is told, and nothing is saved", async () => {
  await withFolder(async (folder) => {
    const args = ["--offline", "--train-size=500", "--test-size=100", "--learning-rate=1e38"];
    const { code, stderr } = await train([...args, "--out", `${folder}/out`], {
      env: nobody(folder),
    });
    assertEquals(code, 1);
    assertMatch(stderr, /Training stopped: the loss of step \d+ .*\nNothing was saved\.\n$/);
    assert(!stderr.includes("    at "), "no stack");
    assert(await isMissing(`${folder}/out`));
  });
});

Deno.test({
  name: "train: without an adapter, the message says what to install",
  ignore: Deno.build.os !== "linux", // where the drivers can be hidden
  fn: async () => {
    const none = { VK_DRIVER_FILES: "/none", VK_ICD_FILENAMES: "/none" };
    const env = { DENO_WEBGPU_BACKEND: "vulkan", ...none };
    const { code, stdout, stderr } = await train([], { env });
    assertEquals([code, stdout], [1, ""]);
    assertMatch(stderr, /^No WebGPU adapter was found\..*mesa-vulkan-drivers\n$/);
  },
});

Deno.test("the live line is drawn over itself, also after the window became narrower", () => {
  let [text, columns] = ["", 80];
  const display = new TerminalDisplay({
    write: (part) => text += part,
    columns: () => columns,
    color: false,
  });
  const written = (action: () => void) => {
    text = "";
    action();
    return text;
  };
  const progress = { epoch: 1, epochs: 2, step: 3, steps: 4, loss: 0.5 };
  const report = { ...progress, examplesPerSecond: 1000, secondsLeft: 9 };
  const first = written(() => display.progress(report));
  const bar = "━".repeat(20) + "─".repeat(6);
  assertEquals(first, `\repoch 1/2  ${bar}  loss 0.5000  1,000 images/s  0:09 left\x1b[K`);
  assertEquals(written(() => display.progress(report)), first);
  columns = 30;
  const narrow = written(() => display.progress(report));
  assertEquals(narrow, "\r\x1b[2A\x1b[Jepoch 1/2  loss 0.5000\x1b[K");
  assertEquals(written(() => display.line("done")), "\r\x1b[Kdone\n");
  assertEquals(written(() => display.line("more")), "more\n");
  const part = { file: "train-images-idx3-ubyte", received: 1_250_000, total: 9_912_422 };
  const download = written(() => display.download(part));
  assertEquals(download, "\r  train-images-idx3-ubyte: \x1b[K");
  assertEquals(written(() => display.status("x".repeat(99))), `\r${"x".repeat(27)}\x1b[K`);
  assertEquals(written(() => display.end()), "\r\x1b[K");
  assertEquals(written(() => display.end()), "");
});
