// graphile-worker as its page on performance says: a local queue of 500, completions in batches; 100 ms of poll.
import { Logger, makeWorkerUtils, run } from "graphile-worker";
import { batches, concurrency, jobs, stored, timed, work } from "./stand.mjs";

const connectionString = process.env.DATABASE_URL;
const preset = {
  worker: {
    connectionString,
    logger: new Logger(() => () => {}),
    concurrentJobs: concurrency,
    maxPoolSize: 20,
    pollInterval: 100,
    localQueue: { size: 500 },
    completeJobBatchDelay: 0,
    failJobBatchDelay: 0,
  },
};
const utils = await makeWorkerUtils({ preset });
await utils.migrate();

async function store() {
  const all = jobs();
  for (const batch of batches(all)) {
    await utils.addJobs(
      batch.map(({ due, data }) => ({
        identifier: "job",
        payload: data,
        ...(timed ? { runAt: new Date(due) } : {}),
      })),
    );
  }
  stored(all);
}

function start() {
  return run({ preset, taskList: { job: work } });
}

if (timed) await start();
await store();
if (!timed) await start();
