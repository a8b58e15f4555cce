// bullmq on a redis that keeps nothing on disk. Done jobs are removed, which is the least work for it.
import { Queue, Worker } from "bullmq";
import { batches, concurrency, jobs, stored, timed, work } from "./stand.mjs";

const connection = { host: "127.0.0.1", port: Number(process.env.REDIS_PORT) };
const queue = new Queue("jobs", { connection });

async function store() {
  const opts = { removeOnComplete: true };
  const all = jobs();
  for (const batch of batches(all)) {
    await queue.addBulk(
      batch.map(({ due, data }) => ({
        name: "job",
        data,
        opts: timed ? { ...opts, delay: Math.max(0, due - Date.now()) } : opts,
      })),
    );
  }
  stored(all);
}

function start() {
  return new Worker("jobs", (job) => work(job.data), { connection, concurrency });
}

if (timed) start();
await store();
if (!timed) start();
