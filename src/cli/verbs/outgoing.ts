// `borderpost outgoing`: who was slowed, held or suspended because of what left from there, and how it goes on. A running
// agent is asked through the door in its folder; the store of one that is stopped is opened here.

import { basename } from 'node:path'
import { type OutgoingWish, outgoingDesk } from '../../roles/outgoing/desk.ts'
import { overAgents } from '../agents-in.ts'
import { EXIT } from '../read-description.ts'
import { askIn, clean } from './account.ts'

const PATIENCE_MS = 600_000

/** Asks every agent of the folder; what one of them could do is done. */
export async function outgoing(
  action: string,
  who: string | undefined,
  { folder, json }: { folder: string; json: boolean },
  print: (text: string) => void,
): Promise<number> {
  const wish = { verb: 'outgoing', action, ...(who !== undefined && { who }) } as OutgoingWish
  return overAgents(folder, async (agents) => {
    const answers = []
    for (const agent of agents) {
      const answer = await askIn(agent, wish, (world, { store }) => outgoingDesk({ store, world }, wish), PATIENCE_MS)
      answers.push({ agent: basename(agent), ...answer })
    }
    const done = answers.filter(({ ok }) => ok)
    for (const { agent, text, data } of done)
      if (json) print(`${JSON.stringify({ agent, text, ...(data as object | undefined) })}\n`)
      else print(clean(`${agents.length > 1 ? `${agent}: ` : ''}${text}\n`))
    if (done.length === 0) console.error(clean(answers[0]!.text))
    return done.length > 0 ? EXIT.ok : EXIT.findings
  })
}
