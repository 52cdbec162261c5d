// What is wrong with a script, and where: as the server tells it, a line for each.

export interface Mistake {
  /** From 1. */
  readonly line: number
  readonly column: number
  readonly message: string
}

export function mistakesIn(description: string): Mistake[] {
  return description
    .split('\n')
    .filter((one) => one !== '')
    .map((one) => {
      const [, line, column, message] = /^line (\d+), column (\d+): (.*)$/.exec(one) ?? []
      return { line: Number(line ?? 1), column: Number(column ?? 1), message: message ?? one }
    })
    .sort((a, b) => a.line - b.line || a.column - b.column)
}

/** Where a place is in the text. */
export function offsetOf(text: string, line: number, column: number): number {
  const before = text.split('\n', line - 1)
  const start = before.reduce((sum, one) => sum + one.length + 1, 0)
  return Math.min(start + column - 1, text.length)
}
