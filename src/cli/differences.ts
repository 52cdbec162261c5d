// What a switch (`--what-if`) takes away and what it brings, line by line.

export interface Difference {
  readonly is: 'gone' | 'new'
  readonly line: string
}

export function differences(before: readonly string[], after: readonly string[]): Difference[] {
  const [old, now] = [new Set(before), new Set(after)]
  return [
    ...[...old.difference(now)].map((line): Difference => ({ is: 'gone', line })),
    ...[...now.difference(old)].map((line): Difference => ({ is: 'new', line })),
  ]
}

/** `what`: in DNS, of the findings. */
export function differencesText(what: string, all: readonly Difference[]): string {
  if (all.length === 0) return `Nothing changes ${what} by it.\n`
  return `What changes ${what} by it:\n${all.map(({ is, line }) => `  ${is === 'gone' ? '-' : '+'} ${line}\n`).join('')}`
}
