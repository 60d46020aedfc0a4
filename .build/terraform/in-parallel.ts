/** Does jobs in their order, at most `width` at a time; answers come in the jobs' order. The first failure ends it. */
export async function inParallel<Job, Answer>(
  jobs: readonly Job[],
  width: number,
  run: (job: Job) => Promise<Answer>,
): Promise<readonly Answer[]> {
  const answers: Answer[] = [];
  const queue = jobs.entries();
  await Promise.all(
    Array.from({ length: width }, async () => {
      for (const [at, job] of queue) answers[at] = await run(job);
    }),
  );
  return answers;
}
