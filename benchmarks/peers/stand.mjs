// What the Node peers share: the job, the call, the instants, the marks. See marks.py for the marks' meaning.
import { Pool } from "undici";

const [mode, countText, rateText] = process.argv.slice(2);
export const count = Number(countText);
export const timed = mode === "timed";
export const concurrency = 100;
const url = new URL(process.env.TARGET);
const pool = new Pool(url.origin, { connections: concurrency, pipelining: 1 });
const note = "x".repeat(74);

export function jobs() {
  const start = Date.now() + 3000 + count / 2.5;
  return Array.from({ length: count }, (_, index) => {
    const due = timed ? start + (index * 1000) / Number(rateText) : Date.now();
    const id = String(Math.round(due * 1000)).padStart(36, "0");
    return { due, data: { id, invoice: 1042, note } };
  });
}

export function stored(all) {
  if (timed && Date.now() > all[0].due) throw new Error("storing took too long: the first jobs were due meanwhile");
}

export function* batches(all, size = 500) {
  for (let at = 0; at < all.length; at += size) yield all.slice(at, at + size);
}

const left = [0.15, 0.85].map((share) => Math.floor(count * share));
let done = 0;

export async function work({ id, invoice, note }) {
  if (mode !== "noop") {
    const answer = await pool.request({
      path: url.pathname,
      method: "POST",
      headers: { "content-type": "application/json", "webhook-id": id },
      body: JSON.stringify({ invoice, note }),
    });
    await answer.body.text();
    if (answer.statusCode !== 200) throw new Error(`the receiver said ${answer.statusCode}`);
  }
  done += 1;
  if (left.length && done >= left[0]) {
    left.shift();
    console.log(`${done} ${Date.now() / 1000}`);
  }
}
