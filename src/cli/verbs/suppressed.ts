// `borderpost suppressed`: whom the Authors of an agent, running or stopped, do not write to any more.

import { basename } from 'node:path'
import type { AdminWish } from '../../roles/administer.ts'
import { overAgents } from '../agents-in.ts'
import { EXIT } from '../read-description.ts'
import { askAgent, clean } from './account.ts'

type Wish = Extract<AdminWish, { verb: 'suppressed' }>

/** Asks every agent of the folder; what one of them could do is done. */
export async function suppressed(folder: string, wish: Wish, print: (text: string) => void): Promise<number> {
  return overAgents(folder, async (agents) => {
    const answers = []
    for (const agent of agents) answers.push({ agent, ...(await askAgent(agent, wish)) })
    const done = answers.filter(({ ok }) => ok)
    for (const { agent, text } of done)
      print(clean(`${wish.action === 'list' && agents.length > 1 ? `${basename(agent)}\n` : ''}${text}\n`))
    if (done.length === 0) console.error(clean(answers[0]!.text))
    return done.length > 0 ? EXIT.ok : EXIT.findings
  })
}
