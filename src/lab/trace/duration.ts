// Times as people say them.

/** `0 s`, `42 s`, `3 min 5 s`, `2 h`, `5 d 3 h`: at most two units. */
export function durationText(ms: number): string {
  const seconds = Math.round(ms / 1000)
  const units: [number, string][] = [
    [86_400, 'd'],
    [3600, 'h'],
    [60, 'min'],
    [1, 's'],
  ]
  const first = units.findIndex(([size]) => seconds >= size)
  if (first < 0) return '0 s'
  const [size, name] = units[first]!
  const next = units[first + 1]
  const rest = next ? Math.floor((seconds % size) / next[0]) : 0
  return `${Math.floor(seconds / size)} ${name}${rest > 0 ? ` ${rest} ${next![1]}` : ''}`
}
