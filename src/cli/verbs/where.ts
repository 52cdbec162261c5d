// `borderpost where`: what became of a message, asked with whatever is known of it. A sentence first, then what happened at
// each role. Reading needs no lock, so the agents may run meanwhile.

import { basename } from 'node:path'
import { findStories, type Story, type WhereSource } from '../../roles/where/find.ts'
import { lineOf, sentenceOf, timeText } from '../../roles/where/sentence.ts'
import { WhereReads } from '../../store/read/where.ts'
import type { Database } from '../../world/disk.ts'
import { databaseOf, overAgents } from '../agents-in.ts'
import { EXIT } from '../read-description.ts'
import { clean } from './account.ts'

export interface WhereOptions {
  readonly folder: string
  readonly json: boolean
}

const MOST_LISTED = 20

/** The exit code: findings when nothing is known. */
export async function where(
  question: string,
  { folder, json }: WhereOptions,
  print: (text: string) => void,
): Promise<number> {
  return overAgents(folder, async (agents) => {
    const databases: Database[] = []
    try {
      const sources: WhereSource[] = []
      for (const path of agents) {
        const database = await databaseOf(path)
        databases.push(database)
        sources.push({ agent: basename(path), reads: new WhereReads(database) })
      }
      const stories = findStories(sources, question, MOST_LISTED)
      if (json) print(`${JSON.stringify(stories.map(storyJson))}\n`)
      else print(clean(explain(question, stories)))
      return stories.length > 0 ? EXIT.ok : EXIT.findings
    } finally {
      for (const database of databases) database.close()
    }
  })
}

function explain(question: string, stories: readonly Story[]): string {
  const [story] = stories
  if (story === undefined)
    return `Nothing is known of ${question} here. Events are kept for 30 days; try its Message-ID, an address, or words of its subject.\n`
  if (stories.length === 1)
    return `${sentenceOf(story)}\n\n${headOf(story)}\n${story.events.map((event) => `  ${lineOf(event)}\n`).join('')}`
  const lines = stories.map((one) => `${timeText(one.events[0]!.atMs)}  ${headOf(one)}\n    ${sentenceOf(one)}\n`)
  return `${stories.length}${stories.length === MOST_LISTED ? ' or more' : ''} messages, the newest first. Ask again with a Message-ID or a name in brackets for one of them.\n\n${lines.join('')}`
}

function headOf({ events, messageId, subject }: Story): string {
  const from = events.find(({ reversePath }) => reversePath !== '')?.reversePath ?? '<>'
  const to = [...new Set(events.map(({ forwardPath }) => forwardPath).filter((one) => one !== ''))]
  const traces = [...new Set(events.map(({ trace }) => trace))].slice(0, 5)
  const recipients = `${to.slice(0, 5).join(', ')}${to.length > 5 ? ` and ${to.length - 5} more` : ''}`
  return `${from} to ${recipients || 'nobody'}${subject ? `, “${subject}”` : ''}${messageId ? `, <${messageId}>` : ''} [${traces.join(' ')}]`
}

function storyJson(story: Story) {
  return { sentence: sentenceOf(story), ...story, places: Object.fromEntries(story.places) }
}
