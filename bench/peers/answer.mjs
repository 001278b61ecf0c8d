// The peers that run in Node: read faces, write what the networks answer, say what they are.
//
//     node answer.mjs PEER --packages FOLDER --faces FILE --answers FILE [--turns N]
//
// FOLDER has the node_modules; the faces are raw bytes, n x 48 x 48; the answers raw float32,
// n x 7, little-endian. Run by `python -m bench.peers`, which has the other end of all this.

import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { argv, exit, stderr, stdout } from 'node:process';
import { parseArgs } from 'node:util';

const NOT_HERE = 77;
const SIDE = 48;
const BATCH = 32;

/** Scores of @vladmandic/human's emotion model, prepared as its src/gear/emotion.ts does. */
async function openHuman(require, folder) {
  const tf = require('@tensorflow/tfjs');
  await onOneThread(tf, require);
  const files = ['emotion.json', 'emotion.bin'].map((name) => join(folder, 'models', name));
  const { modelTopology, weightsManifest } = JSON.parse(readFileSync(files[0], 'utf8'));
  const weightData = new Uint8Array(readFileSync(files[1])).buffer;
  const weightSpecs = weightsManifest.flatMap((group) => group.weights);
  const model = await tf.loadGraphModel(
    tf.io.fromMemory({ modelTopology, weightSpecs, weightData }),
  );
  const size = model.inputs[0].shape[2];
  const toGray = tf.tensor1d([0.2989, 0.587, 0.114]);
  const answer = (faces) =>
    tf.tidy(() => {
      const rgb = threeChannels(tf, faces).div(255);
      const resized = tf.image.resizeBilinear(rgb, [size, size], false);
      const gray = tf.sum(tf.mul(resized, toGray), 3, true);
      return model.execute(tf.mul(tf.sub(gray, 0.5), 2)).dataSync();
    });
  const parameters = weightSpecs
    .filter((weights) => weights.dtype === 'float32')
    .reduce((sum, weights) => sum + weights.shape.reduce((a, b) => a * b, 1), 0);
  return { answer, files, parameters };
}

/** Scores of @vladmandic/face-api's expression net, by the library's own code throughout. */
async function openFaceApi(require, folder) {
  const faceapi = require(join(folder, 'dist', 'face-api.node-wasm.js'));
  const { tf } = faceapi;
  await onOneThread(tf, require);
  const files = ['-weights_manifest.json', '.bin'].map((end) =>
    join(folder, 'model', `face_expression_model${end}`),
  );
  const net = new faceapi.FaceExpressionNet();
  await net.loadFromDisk(join(folder, 'model'));
  const answer = (faces) =>
    tf.tidy(() => {
      const pictures = tf.unstack(threeChannels(tf, faces));
      return net.forwardInput(new faceapi.NetInput(pictures)).dataSync();
    });
  const parameters = [net, net.faceFeatureExtractor]
    .flatMap((part) => part.getParamList())
    .reduce((sum, { tensor }) => sum + tensor.size, 0);
  return { answer, files, parameters };
}

const PEERS = {
  human: ['@vladmandic/human', openHuman],
  'face-api': ['@vladmandic/face-api', openFaceApi],
};

async function onOneThread(tf, require) {
  require('@tensorflow/tfjs-backend-wasm').setThreadsCount(1);
  await tf.setBackend('wasm');
  await tf.ready();
}

/** Gray bytes to a tensor (n, 48, 48, 3), 0..255: both libraries are given colour. */
function threeChannels(tf, faces) {
  const gray = tf.tensor4d(Float32Array.from(faces), [faces.length / SIDE ** 2, SIDE, SIDE, 1]);
  return tf.tile(gray, [1, 1, 1, 3]);
}

/** Milliseconds of single faces, one after the other; the first tenth warms up. */
function timeFaces(answer, faces, turns) {
  const n = faces.length / SIDE ** 2;
  const took = [];
  for (let turn = 0; turn < turns; turn += 1) {
    const start = (turn % n) * SIDE ** 2;
    const begun = performance.now();
    answer(faces.subarray(start, start + SIDE ** 2));
    took.push(performance.now() - begun);
  }
  return took.slice(Math.ceil(turns / 10));
}

async function main() {
  const option = { type: 'string' };
  const { values, positionals } = parseArgs({
    args: argv.slice(2),
    allowPositionals: true,
    options: { packages: option, faces: option, answers: option, turns: option },
  });
  const require = createRequire(join(values.packages, 'package.json'));
  const folderOf = (name) => join(values.packages, 'node_modules', name);
  const versionOf = (name) =>
    JSON.parse(readFileSync(join(folderOf(name), 'package.json'), 'utf8')).version;
  const [name, open] = PEERS[positionals[0]];
  let version, peer;
  try {
    version = versionOf(name);
    peer = await open(require, folderOf(name));
  } catch (error) {
    if (error.code !== 'MODULE_NOT_FOUND' && error.code !== 'ENOENT') throw error;
    stderr.write(`${error.message.split('\n')[0]}\n`);
    exit(NOT_HERE);
  }
  const faces = new Uint8Array(readFileSync(values.faces));
  const answers = [];
  for (let start = 0; start < faces.length; start += BATCH * SIDE ** 2) {
    answers.push(...peer.answer(faces.subarray(start, start + BATCH * SIDE ** 2)));
  }
  writeFileSync(values.answers, Buffer.from(Float32Array.from(answers).buffer));
  const runs = ['@tensorflow/tfjs', '@tensorflow/tfjs-backend-wasm'];
  const facts = {
    version,
    parameters: peer.parameters,
    files: peer.files.map((file) => {
      const bytes = readFileSync(file);
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      return { name: file.split('/').pop(), bytes: bytes.length, sha256 };
    }),
    runs_on: Object.fromEntries(runs.map((each) => [each, versionOf(each)])),
    ms: timeFaces(peer.answer, faces, Number(values.turns ?? 0)),
  };
  stdout.write(`\n${JSON.stringify(facts)}\n`);
}

await main();
