// How far a long work is: one line that is written over, on a terminal; nothing elsewhere.

const WIDTH = 24
const EACH_MS = 100

export class ProgressLine {
  readonly #isShown = process.stderr.isTTY === true
  #lastMs = 0

  /** `part` of the whole, 0 to 1; undefined: nobody knows. */
  show(part: number | undefined, text: string): void {
    const nowMs = performance.now()
    if (!this.#isShown || nowMs - this.#lastMs < EACH_MS) return
    this.#lastMs = nowMs
    const filled = Math.round(Math.min(1, part ?? 0) * WIDTH)
    const bar = part === undefined ? '' : `[${'='.repeat(filled)}${' '.repeat(WIDTH - filled)}] `
    const line = `${bar}${text}`.replace(/[\x00-\x1f\x7f]/g, '?').slice(0, (process.stderr.columns ?? 80) - 1)
    process.stderr.write(`\r\x1b[2K${line}`)
  }

  clear(): void {
    if (this.#isShown && this.#lastMs > 0) process.stderr.write('\r\x1b[2K')
  }
}
