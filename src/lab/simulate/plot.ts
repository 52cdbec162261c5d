// Queue lengths over time as a picture (SVG): one line for each agent that has a queue, of many the longest. Plain text and lines, so that any
// program shows it; colours for light and dark.

import type { Sample } from './traffic.ts'

const [WIDTH, HEIGHT] = [720, 300]
const EDGE = { left: 56, right: 130, top: 32, bottom: 40 }
const MOST_LINES = 15
const COLOURS = ['#3b6fd4', '#c8553d', '#2a8f5c', '#9a5bb5', '#b8860b', '#4a4a4a', '#0f8b8d', '#d1495b']

export function plotWaiting(queues: readonly Sample[], days: number): string {
  const longestQueue: Record<string, number> = {}
  for (const { lengths } of queues)
    for (const [agent, length] of Object.entries(lengths))
      longestQueue[agent] = Math.max(longestQueue[agent] ?? 0, length)
  const agents = Object.keys(longestQueue)
    .sort((a, b) => longestQueue[b]! - longestQueue[a]! || (a < b ? -1 : 1))
    .slice(0, MOST_LINES)
  const most = Math.max(1, ...Object.values(longestQueue))
  const endMs = days * 86_400_000
  const x = (atMs: number) => round(EDGE.left + (atMs / endMs) * (WIDTH - EDGE.left - EDGE.right))
  const y = (length: number) => round(HEIGHT - EDGE.bottom - (length / most) * (HEIGHT - EDGE.top - EDGE.bottom))
  const lines = agents.map((agent, i) => {
    const points = queues.map(({ atMs, lengths }) => `${x(atMs)},${y(lengths[agent] ?? 0)}`).join(' ')
    const colour = COLOURS[i % COLOURS.length]
    const labelY = EDGE.top + 8 + i * 16
    return `<polyline points="${points}" fill="none" stroke="${colour}" stroke-width="1.5"/><text x="${WIDTH - EDGE.right + 10}" y="${labelY}" fill="${colour}">${escaped(agent)}</text>`
  })
  const ticks = [0, most / 2, most].map(
    (length) => `<text x="${EDGE.left - 8}" y="${y(length) + 4}" text-anchor="end">${round(length)}</text>`,
  )
  const hours = [0, 0.25, 0.5, 0.75, 1].map(
    (share) =>
      `<text x="${x(share * endMs)}" y="${HEIGHT - EDGE.bottom + 18}" text-anchor="middle">${round(share * days * 24)} h</text>`,
  )
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" font-family="sans-serif" font-size="12">
<title>Messages waiting in queues</title>
<desc>The longest: ${agents.map((agent) => `${escaped(agent)} ${longestQueue[agent]}`).join(', ')}.</desc>
<style>text{fill:#333}@media(prefers-color-scheme:dark){text{fill:#ddd}}</style>
<text x="${EDGE.left}" y="18">Messages waiting in queues</text>
<path d="M${EDGE.left} ${EDGE.top}V${HEIGHT - EDGE.bottom}H${WIDTH - EDGE.right}" fill="none" stroke="#888"/>
${[...ticks, ...hours, ...lines].join('\n')}
</svg>
`
}

const round = (value: number) => Math.round(value * 10) / 10

const escaped = (text: string) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/"/g, '&quot;')
