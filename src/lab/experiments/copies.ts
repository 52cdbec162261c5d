// Several agents like one of a drawing: its lines again, for each with another name, domain and address, and with people of
// its own. The first keeps its name, the others are sender-2, sender-3 and so on.

import { parse } from '../../notation/parse.ts'

export function withCopies(system: string, copies: Readonly<Record<string, number>>): string {
  return Object.entries(copies).reduce((text, [id, n]) => copied(text, id, n), system)
}

/** The names of the copies of an actor. */
export const copiesOf = (id: string, n: number) =>
  Array.from({ length: n }, (_, i) => (i === 0 ? id : `${id}-${i + 1}`))

function copied(system: string, id: string, n: number): string {
  const { flows, actors } = parse(system).model
  if (!actors.some((actor) => actor.id === id)) throw new Error(`Nobody in the drawing is called "${id}".`)
  const isUser = (one: string) => actors.some((actor) => actor.id === one && actor.kind === 'user')
  const people = flows.flatMap(({ blocks }) =>
    blocks.flatMap(({ actor }, i) => {
      const beside = [blocks[i - 1]?.actor, blocks[i + 1]?.actor]
      return isUser(actor) && beside.includes(id) ? [actor] : []
    }),
  )
  const names = [...new Set([id, ...people])]
  const word = new RegExp(`(?<![\\w-])(?:${names.join('|')})(?![\\w-])`, 'g')
  return unitsOf(system)
    .flatMap((unit) => {
      const isMeant = unit.match(word) !== null && !unit.trimStart().startsWith('#')
      return isMeant ? Array.from({ length: n }, (_, i) => (i === 0 ? unit : again(unit, word, id, i))) : [unit]
    })
    .join('\n')
}

function again(unit: string, word: RegExp, id: string, i: number): string {
  const named = unit.replace(word, (name) => `${name}-${i + 1}`)
  if (!unit.startsWith(`${id}:`)) return named
  return named.replace(/\bip=(\d+\.\d+\.\d+\.)(\d+)/, (_, network, host) => `ip=${network}${Number(host) + i}`)
}

/** Lines, with the indented ones that go on with them. */
function unitsOf(text: string): string[] {
  const units: string[] = []
  for (const line of text.split('\n'))
    if (/^\s+\S/.test(line) && units.length > 0) units[units.length - 1] += `\n${line}`
    else units.push(line)
  return units
}
