// How a running system is told to stop: Ctrl-C, SIGTERM, or the end of the process that started it.

/** Resolves at the first wish to stop. A second Ctrl-C ends the process at once. */
export function untilStopped(): Promise<void> {
  return new Promise((resolve) => {
    // Nothing else may keep the process alive: real listeners do, but they are no promise.
    const alive = setInterval(() => {}, 1 << 30)
    let asked = false
    const stop = () => {
      if (asked) process.exit(130)
      asked = true
      clearInterval(alive)
      resolve()
    }
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop)
    if (process.channel !== undefined) {
      process.on('disconnect', () => !asked && stop())
      process.channel?.unref()
    }
  })
}
