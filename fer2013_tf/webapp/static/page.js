// The page of `python -m fer2013_tf.web`: sends images to its own server, shows its predictions.

const WIDTH = 640; // of the camera's images that are sent
const FASTEST = 125; // milliseconds between two of them, at least
const QUIET = 3000; // milliseconds between two announcements while the camera runs, at least

const $ = (id) => document.getElementById(id);
const percent = (fraction, digits = 0) => `${(100 * fraction).toFixed(digits)} %`;
const title = (name) => name[0].toUpperCase() + name.slice(1);
const pause = (time) => new Promise((done) => setTimeout(done, time));

let settings = { classes: {}, limit_mb: Infinity, per_minute: 60 };
let shown = null; // { blob, description, faces }: the last image with predictions
let stream = null; // the camera's, while it runs
let turn = 0; // rises with every image chosen; replies for earlier ones are dropped

class Refused extends Error {
  constructor(message, wait = 0) {
    super(message);
    this.wait = wait;
  }
}

async function ask(path, options) {
  let reply;
  try {
    reply = await fetch(path, options);
  } catch {
    throw new Refused("The server does not respond; is it still running?");
  }
  const content = await reply.json().catch(() => ({ error: reply.statusText }));
  if (reply.ok) return content;
  const wait = reply.status === 429 ? Number(reply.headers.get("Retry-After")) || 1 : 0;
  throw new Refused(title(content.error), wait);
}

const predict = (blob, query = "") => ask(`api/predict${query}`, { method: "POST", body: blob });

function say(text) {
  if ($("status").textContent !== text) $("status").textContent = text;
}

function complain(error) {
  say("");
  $("error").textContent = error.message;
  $("error").hidden = false;
}

function forgetComplaint() {
  $("error").hidden = true;
}

// An image that was chosen

async function choose(file) {
  if (!file) return;
  stopCamera();
  forgetComplaint();
  const mine = ++turn;
  try {
    if (file.size > settings.limit_mb * 1e6) {
      const size = (file.size / 1e6).toFixed(1);
      throw new Refused(`${size} MB; at most ${settings.limit_mb} MB are accepted`);
    }
    say("Predicting...");
    const prediction = await predict(file);
    if (mine !== turn) return;
    show(file, file.name ? `The image ${file.name}` : "The image", prediction);
    hold();
  } catch (error) {
    if (mine === turn) complain(error);
  }
}

// Shows the last image, not the camera.
function hold() {
  URL.revokeObjectURL($("image").src);
  $("image").src = URL.createObjectURL(shown.blob);
  $("image").alt = shown.description;
  $("image").hidden = false;
  $("video").hidden = true;
  say(inWords(shown.faces));
}

function inWords(faces) {
  if (!faces.length) return "No face found. Try an image with a larger or more frontal face.";
  const each = faces.map((f, n) => `${n + 1}: ${title(f.expression)}, ${percent(f.confidence)}`);
  return faces.length === 1
    ? `1 face found: ${title(faces[0].expression)}, ${percent(faces[0].confidence)}.`
    : `${faces.length} faces found. ${each.join("; ")}.`;
}

// Predictions

function show(blob, description, { image, faces }) {
  shown = { blob, description, faces };
  document.body.classList.add("chosen");
  $("result").hidden = false;
  $("stage").style.setProperty("--ratio", image.width / image.height);
  $("boxes").replaceChildren(...faces.map((face, n) => boxOf(face, n, image)));
  $("count").textContent = faces.length === 1 ? "1 face" : `${faces.length || "No"} faces`;
  const list = $("faces");
  while (list.children.length > faces.length) list.lastElementChild.remove();
  // Faces that are already listed are changed, not made again: the keyboard's focus stays.
  faces.forEach((face, number) => fill(list.children[number] || addFace(number), face, number));
}

function boxOf(face, number, image) {
  const { left, top, right, bottom } = face.box;
  const fraction = (length, whole) => Math.min(Math.max(length / whole, 0), 1);
  const [start, end] = [left, right].map((x) => fraction(x, image.width));
  const [above, below] = [top, bottom].map((y) => fraction(y, image.height));
  const box = made("div", "box");
  box.style.setProperty("--color", settings.classes[face.expression]);
  box.style.inset = [above, 1 - end, 1 - below, start].map((s) => `${100 * s}%`).join(" ");
  const tag = made("span", "tag", `${number + 1}`);
  tag.classList.toggle("inside", above < 0.08);
  tag.classList.toggle("to-left", start > 0.6);
  tag.append(made("span", "tag-text", ` ${title(face.expression)} ${percent(face.confidence)}`));
  box.append(tag);
  return box;
}

function made(kind, name, text = "") {
  const element = document.createElement(kind);
  element.className = name;
  element.textContent = text;
  return element;
}

function copyOf(template) {
  return $(template).content.firstElementChild.cloneNode(true);
}

function addFace(number) {
  const face = copyOf("face");
  const bars = Object.entries(settings.classes).map(([name, color]) => {
    const bar = copyOf("bar");
    bar.dataset.name = name;
    bar.querySelector(".name").textContent = title(name);
    bar.querySelector(".fill").style.setProperty("--color", color);
    return bar;
  });
  face.querySelector(".bars").append(...bars);
  face.querySelector(".gradcam").id = `gradcam-${number}`;
  const why = face.querySelector(".why");
  why.setAttribute("aria-controls", `gradcam-${number}`);
  why.addEventListener("click", () => explain(face, number));
  $("faces").append(face);
  return face;
}

function fill(element, face, number) {
  element.querySelector("h3").textContent =
    `Face ${number + 1}: ${title(face.expression)}, ${percent(face.confidence)}`;
  const crop = element.querySelector(".crop");
  crop.src = face.crop;
  const [height, width] = settings.size;
  crop.alt = `Face ${number + 1} as the network gets it, ${width} by ${height} pixels`;
  for (const bar of element.querySelectorAll(".bars li")) {
    const probability = face.probabilities[bar.dataset.name];
    bar.classList.toggle("predicted", probability === face.confidence);
    bar.querySelector(".fill").style.width = `${100 * probability}%`;
    bar.querySelector(".number").textContent = percent(probability, 1);
  }
  const why = element.querySelector(".why");
  why.setAttribute("aria-label", `${why.textContent} Face ${number + 1}`);
  fold(element);
}

// Grad-CAM

function fold(element) {
  element.querySelector(".gradcam").hidden = true;
  element.querySelector(".why").setAttribute("aria-expanded", "false");
}

async function explain(element, number) {
  if (!element.querySelector(".gradcam").hidden) return fold(element);
  forgetComplaint();
  stopCamera();
  const mine = turn;
  say("Looking inside the network...");
  try {
    const { faces } = await predict(shown.blob, "?explain=1");
    if (mine === turn) unfold(element, faces[number]);
  } catch (error) {
    if (mine === turn) complain(error);
  }
}

function unfold(element, face) {
  const name = title(face.expression);
  const text = face.gradcam
    ? `Bright places speak most for “${name}” (Grad-CAM): where the network looks, not why.`
    : `No place of this face speaks for “${name}” more than others.`;
  const figure = element.querySelector(".gradcam");
  const image = figure.querySelector("img");
  image.hidden = !face.gradcam;
  image.src = face.gradcam || "";
  image.alt = `The face with the Grad-CAM map for ${name}`;
  figure.querySelector("figcaption").textContent = text;
  figure.hidden = false;
  element.querySelector(".why").setAttribute("aria-expanded", "true");
  say("The Grad-CAM map is shown below the face's bars.");
}

// The camera

const REASONS = {
  NotAllowedError: "The browser does not allow the camera here; see its settings for this page.",
  NotFoundError: "No camera was found.",
  NotReadableError: "The camera is in use by another program.",
};

async function startCamera() {
  forgetComplaint();
  const mine = ++turn;
  try {
    if (!navigator.mediaDevices) {
      throw new Refused("Browsers offer the camera only over https or on the serving computer.");
    }
    say("Starting the camera...");
    const wanted = { facingMode: "user", width: { ideal: 2 * WIDTH } };
    const opened = await navigator.mediaDevices.getUserMedia({ video: wanted });
    if (mine !== turn) return opened.getTracks().forEach((track) => track.stop());
    stream = opened;
    $("video").srcObject = stream;
    await $("video").play();
    $("camera").textContent = "Stop the camera";
    stream.getVideoTracks()[0].addEventListener("ended", stopCamera);
    await watch(mine);
  } catch (error) {
    if (mine !== turn) return;
    stopCamera();
    complain(new Refused(REASONS[error.name] || error.message));
  }
}

// Stays on the last image.
function stopCamera() {
  if (!stream) return;
  stream.getTracks().forEach((track) => track.stop());
  stream = null;
  turn++;
  $("video").srcObject = null;
  $("camera").textContent = "Use the camera";
  if (shown) hold();
  else say("");
}

async function watch(mine) {
  // A mirror, unless the camera faces away from its user.
  const mirrored = stream.getVideoTracks()[0].getSettings().facingMode !== "environment";
  $("video").classList.toggle("mirrored", mirrored);
  const step = Math.max(FASTEST, 66000 / settings.per_minute);
  let said = { words: "", at: -QUIET };
  while (mine === turn) {
    const began = performance.now();
    if (!document.hidden) {
      const frame = await still($("video"), mirrored);
      const prediction = await predict(frame).catch(waitOut);
      if (mine !== turn) return;
      if (prediction) said = showFrame(frame, prediction, said);
    }
    await pause(Math.max(0, step - (performance.now() - began)));
  }
}

async function waitOut(error) {
  if (!error.wait) throw error;
  say(error.message);
  await pause(1000 * error.wait);
}

function showFrame(blob, prediction, said) {
  $("image").hidden = true;
  $("video").hidden = false;
  show(blob, "The camera's last image", prediction);
  const expressions = prediction.faces.map((face) => title(face.expression));
  const words = `Camera: ${expressions.join(", ") || "no face"}.`;
  const now = performance.now();
  if (words === said.words || now - said.at < QUIET) return said;
  say(words);
  return { words, at: now };
}

// The camera's image as it is shown, so that boxes fit.
async function still(video, mirrored) {
  const canvas = document.createElement("canvas");
  const factor = Math.min(1, WIDTH / video.videoWidth);
  canvas.width = Math.round(factor * video.videoWidth);
  canvas.height = Math.round(factor * video.videoHeight);
  const context = canvas.getContext("2d");
  if (mirrored) context.setTransform(-1, 0, 0, 1, canvas.width, 0);
  context.drawImage(video, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.92));
}

// Event listeners

function listen() {
  $("file").addEventListener("change", () => {
    choose($("file").files[0]);
    $("file").value = "";
  });
  $("camera").addEventListener("click", () => (stream ? stopCamera() : startCamera()));
  document.addEventListener("paste", (event) => choose(event.clipboardData.files[0]));
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("dragging");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("dragging");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dragging");
    choose(event.dataTransfer.files[0]);
  });
}

async function start() {
  try {
    settings = await ask("api/settings");
    $("limit").textContent = `, up to ${settings.limit_mb} MB`;
    $("weights").textContent = `, weights: ${settings.weights}`;
    $("calibration").hidden = !settings.calibrated;
    listen();
  } catch (error) {
    complain(error);
  }
}

start();
