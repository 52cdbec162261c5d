// `borderpost account` and `borderpost password`: the people of an agent. A running agent is asked through the door in its
// folder; the store of one that is stopped is opened here. A password is asked for, or read from standard input: what stands
// on a command line is seen by everybody on the machine.

import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { type AdminAnswer, type AdminWish, administer } from '../../roles/administer.ts'
import { domainOf } from '../../roles/routing.ts'
import { openStopped } from '../../store/open.ts'
import { ADMIN_SOCKET, askAtDoor } from '../../system/admin-door.ts'
import { keysOfStopped } from '../../system/key-keeper.ts'
import { DiskError } from '../../world/disk.ts'
import { NetworkError } from '../../world/network.ts'
import type { World } from '../../world/world.ts'
import { overAgents, worldOf } from '../agents-in.ts'
import { EXIT } from '../read-description.ts'

/** What is asked of the agent of an address. */
export type WishAboutPeople = Exclude<AdminWish, { verb: 'suppressed' }>

type Print = (text: string) => void

/** Asks the agent of the wish's address; `list` asks all. */
export async function account(folder: string, wish: WishAboutPeople, print: Print): Promise<number> {
  return overAgents(folder, async (agents) => {
    if (wish.verb === 'list' || ((wish.verb === 'dkim' || wish.verb === 'contract') && wish.what === 'list')) {
      for (const agent of agents) print(clean(`${(await askAgent(agent, wish)).text}\n`))
      return EXIT.ok
    }
    if (wish.verb === 'contract') return await tell(await keeperOf(agents, wish.name), wish, print)
    const domain = wish.verb === 'dkim' ? wish.domain : domainOf(wish.address)
    const agent = wish.verb === 'dkim' ? await signerOf(agents, domain) : await agentOf(agents, domain)
    if (agent === undefined) {
      console.error(`No agent in ${folder} ${wish.verb === 'dkim' ? 'has keys' : 'handles mail'} of ${domain}.`)
      return EXIT.usage
    }
    return await tell(agent, wish, print)
  })
}

/** The agent that has the postmaster of this domain. */
async function agentOf(agents: readonly string[], domain: string): Promise<string | undefined> {
  for (const agent of agents) {
    const { text } = await askAgent(agent, { verb: 'list' })
    if (text.split('\n').some((line) => line.toLowerCase().startsWith(`postmaster@${domain} `))) return agent
  }
  return undefined
}

async function tell(agent: string, wish: AdminWish, print: Print): Promise<number> {
  const { ok, text } = await askAgent(agent, wish)
  if (ok) print(clean(`${text}\n`))
  else console.error(clean(text))
  return ok ? EXIT.ok : EXIT.findings
}

/** The agent that keeps this contract; or any, which will say that it does not. */
async function keeperOf(agents: readonly string[], name: string): Promise<string> {
  for (const agent of agents) {
    const { text } = await askAgent(agent, { verb: 'contract', what: 'list' })
    if (text.split('\n').some((line) => line.startsWith(`${name.toLowerCase()}  `))) return agent
  }
  return agents[0]!
}

/** The agent that has keys of this domain: its own, or those of one that it carries mail for. */
async function signerOf(agents: readonly string[], domain: string): Promise<string | undefined> {
  for (const agent of agents) {
    const { text } = await askAgent(agent, { verb: 'dkim', what: 'list' })
    if (text.split('\n').some((line) => line.startsWith(`${domain.toLowerCase()}  `))) return agent
  }
  return undefined
}

/** The same of people and keys. @throws DiskError, NetworkError */
export const askAgent = (agent: string, wish: AdminWish): Promise<AdminAnswer> =>
  askIn(agent, wish, async (world, opened) => {
    const keys = wish.verb === 'dkim' ? await keysOfStopped(world, opened) : undefined
    return administer({ store: opened.store, world, ...(keys && { keys }) }, wish)
  })

/** The agent itself while it runs, else its store. @throws DiskError, NetworkError */
export async function askIn(
  agent: string,
  wish: object,
  askStopped: (world: World, opened: Awaited<ReturnType<typeof openStopped>>) => Promise<AdminAnswer>,
  patienceMs?: number,
): Promise<AdminAnswer> {
  const world = worldOf(agent)
  try {
    return await askAtDoor(world, join(resolve(agent), ADMIN_SOCKET), wish, patienceMs)
  } catch (error) {
    if (!(error instanceof NetworkError) || error.code !== 'refused') throw error
  }
  const opened = await openStopped(world).catch((error: unknown) => {
    if (!(error instanceof DiskError) || error.code !== 'locked') throw error
    throw new DiskError('locked', `${error.message} It has no door for administrators: stop it first.`)
  })
  try {
    return await askStopped(world, opened)
  } finally {
    await opened.store.close()
  }
}

/** Asks twice at a terminal, and shows nothing; elsewhere the first line is the password. Undefined: the two differ, or nothing came. */
export async function askPassword(input = process.stdin, output = process.stderr): Promise<string | undefined> {
  if (!input.isTTY) {
    const lines = createInterface({ input })
    for await (const line of lines) {
      lines.close()
      return line
    }
    return undefined
  }
  const first = await hidden('Password: ', input, output)
  const again = await hidden('Once more: ', input, output)
  if (first === again) return first
  console.error('The two are not the same. Nothing was changed.')
  return undefined
}

/** Asks at a terminal; what is typed is not shown. */
export async function hidden(prompt: string, input: NodeJS.ReadStream, output: NodeJS.WriteStream): Promise<string> {
  output.write(prompt)
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input, output: silent, terminal: true })
  try {
    return await lines.question('')
  } finally {
    lines.close()
    output.write('\n')
  }
}

/** Names that people chose go to a terminal. */
export const clean = (text: string) => text.replace(/[\0-\x09\x0b-\x1f\x7f-\x9f]/g, '?')
