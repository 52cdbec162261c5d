// How a running system is told to stop: Ctrl-C, SIGTERM, or the end of the process that started it.

/** One Ctrl-C can arrive several times: from the terminal, from npm, from the process that found the right Node. */
const SAME_WISH_MS = 1000

/** Resolves at the first wish to stop. A second one, a moment later, ends the process at once. */
export function untilStopped(): Promise<void> {
  return new Promise((resolve) => {
    // Nothing else may keep the process alive: real listeners do, but they are no promise.
    const alive = setInterval(() => {}, 1 << 30)
    let askedAtMs: number | undefined
    const stop = () => {
      if (askedAtMs !== undefined) {
        if (performance.now() - askedAtMs > SAME_WISH_MS) process.exit(130)
        return
      }
      askedAtMs = performance.now()
      clearInterval(alive)
      resolve()
    }
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop)
    if (process.channel !== undefined) {
      process.on('disconnect', stop)
      process.channel?.unref()
    }
  })
}
