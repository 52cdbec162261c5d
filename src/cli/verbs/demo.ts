// `borderpost demo`: the article's own system on this computer, with real mail. For people it says what is running, the
// sign-ins and what each hop found; for scripts (--json) it prints one line when everything is ready.

import { join, resolve } from 'node:path'
import type { RunningAgent, ServiceName } from '../../system/agent.ts'
import { type FollowedLetter, follow, type Letter, sendLetter } from '../../system/demo-mail.ts'
import type { LiveHop } from '../../system/live.ts'
import type { AgentPlan, SystemPlan } from '../../system/plan.ts'
import { DiskError } from '../../world/disk.ts'
import { type Endpoint, NetworkError } from '../../world/network.ts'
import { home } from '../home.ts'
import { type Lab, startLab } from '../lab.ts'
import { textLine } from '../log-line.ts'
import { EXIT, planOf } from '../read-description.ts'
import { untilStopped } from '../stopping.ts'

const DESCRIPTION = join(home, 'src', 'system', 'demo.borderpost')
const FOLLOW_MS = 15_000

export interface DemoOptions {
  readonly file?: string
  readonly folder?: string
  readonly json: boolean
}

/** Runs until it is stopped; the exit code. */
export async function demo(options: DemoOptions): Promise<number> {
  const plan = planOf(options.file ?? DESCRIPTION)
  if (typeof plan === 'number') return plan
  const say = options.json
    ? (text: string) => process.stderr.write(`${text}\n`)
    : (text: string) => process.stdout.write(`${text}\n`)
  const startedMs = performance.now()
  let lab: Lab
  let folder: string
  try {
    ;({ lab, folder } = await startIn(options.folder, plan))
  } catch (error) {
    if (!(error instanceof NetworkError || error instanceof DiskError)) throw error
    console.error(`The demo cannot start: ${error.message}`)
    return EXIT.unreachable
  }
  const stopped = untilStopped()
  for (const moved of lab.moved) say(`note: ${moved}`)
  if (!options.json) printSystem(lab, folder, say)
  const followed = await sendLetters(lab, plan, say)
  if (options.json) process.stdout.write(`${JSON.stringify(readyLine(lab, folder))}\n`)
  else printRest(lab, followed, plan, performance.now() - startedMs, say)
  await stopped
  say('Stopping. What was accepted is kept.')
  await lab.stop()
  return EXIT.ok
}

/** Starts the lab in the folder given, or in the first demo folder here that no other demo uses. */
async function startIn(given: string | undefined, plan: SystemPlan): Promise<{ lab: Lab; folder: string }> {
  for (let n = 1; ; n++) {
    const folder = resolve(given ?? (n === 1 ? 'borderpost-demo' : `borderpost-demo-${n}`))
    try {
      const lab = await startLab({
        plan,
        folder,
        log: (...event) => event[1] !== 'info' && process.stderr.write(textLine(new Date(), event)),
      })
      return { lab, folder }
    } catch (error) {
      const inUse = error instanceof DiskError && error.code === 'locked'
      if (!inUse || given !== undefined || n >= 20) throw error
    }
  }
}

/** One direct letter, and one for every address that is forwarded. */
async function sendLetters(lab: Lab, plan: SystemPlan, say: (text: string) => void): Promise<FollowedLetter[]> {
  const home = plan.agents.find(
    ({ roles, people }) =>
      roles.has('MSA') && people.some((person) => person.roles.includes('Author') && person.password !== undefined),
  )
  const author = home?.people.find((person) => person.roles.includes('Author') && person.password !== undefined)
  const msa = lab.system.agents.find((agent) => agent.plan.id === home?.id)
  if (msa === undefined || author === undefined) return []
  const readers = plan.agents
    .filter((agent) => agent.id !== msa.plan.id)
    .flatMap(({ people }) => people.filter((person) => person.roles.includes('Recipient')))
  const direct: Letter[] = readers.slice(0, 1).map((person) => ({
    from: author,
    to: person.address,
    subject: 'Straight to you',
    text: `Dear ${person.displayName},\n\nthis came straight across the Border.`,
  }))
  const forwarded: Letter[] = plan.agents
    .flatMap(({ settings }) => settings.forwarder.forwards)
    .map(({ from, to }) => ({
      from: author,
      to: from,
      subject: 'To your old address',
      text: `Hello,\n\nI wrote to ${from}; your Forwarder passed it on to ${to}.`,
    }))
  return Promise.all(
    [...direct, ...forwarded].map(async (letter) => {
      const messageId = `${lab.world.random.bytes(9).toString('hex')}@${msa.plan.domain}`
      const following = follow(lab.live, letter, messageId, lab.world, FOLLOW_MS)
      await sendLetter(msa, lab.world, letter, messageId).catch((error: unknown) =>
        say(`The letter to ${letter.to} was not taken: ${String(error)}`),
      )
      return following
    }),
  )
}

function printSystem(lab: Lab, folder: string, say: (text: string) => void): void {
  say('\nBorderpost demo: an email system on this computer. Nothing leaves it.\n')
  say(`  ok  DNS for ${lab.system.agents.map(({ plan }) => plan.domain).join(', ')}`.padEnd(64) + at(lab.dns))
  for (const agent of lab.system.agents) {
    const doors = [...doorsOf(agent)].map(([name, { port }]) => `${name} ${port}`).join(', ')
    say(`  ok  ${`${[...agent.plan.roles].join('/')}@${agent.plan.id}`.padEnd(42)} ${agent.plan.ip}: ${doors}`)
  }
  say(`\nEverything it writes is in ${folder}`)
}

function printRest(
  lab: Lab,
  followed: readonly FollowedLetter[],
  plan: SystemPlan,
  tookMs: number,
  say: (text: string) => void,
): void {
  say('\nMail on its way, and what each hop found:')
  for (const letter of followed) for (const line of storyOf(letter)) say(line)
  say(`\nReady after ${(tookMs / 1000).toFixed(1)} s. Open`)
  say(`  ${lab.webUrl}/mail   webmail`)
  say(`  ${lab.webUrl}/live   the system, with messages moving`)
  say(`  ${lab.webUrl}/lab    describe a system of your own, and see what happens in it`)
  say(`  ${lab.webUrl}/trace  what a message went through, read out of its text\n`)
  for (const { people } of plan.agents)
    for (const person of people)
      if (person.password !== undefined) say(`  sign in as ${person.address}  password ${person.password}`)
  say('\nCtrl-C stops it; the mail is kept for the next start.')
}

/** What happened to one letter, a line for each hop. */
function storyOf({ letter, hops, tookMs }: FollowedLetter): string[] {
  const givenUp = hops.some(({ kind }) => kind === 'bounced')
  const how =
    tookMs !== undefined
      ? `arrived in ${(tookMs / 1000).toFixed(2)} s`
      : givenUp
        ? 'could not be delivered and came back'
        : 'has not arrived yet'
  return [`\n  ${letter.from.address} wrote to ${letter.to}: ${how}`, ...inPathOrder(hops).flatMap(hopLines)]
}

/**
 * Along the way, and not in the order in which it was written down: who hands a message on records that after the next
 * one has recorded that it came.
 */
function inPathOrder(hops: readonly LiveHop[]): LiveHop[] {
  const first = hops.find(({ role }) => role === 'MSA')?.agent
  const rank = ({ role, agent }: LiveHop) => {
    if (role === 'MSA') return 0
    if (agent === first) return 1
    return role === 'MDA' ? 4 : role === 'Transmitter' ? 3 : 2
  }
  return hops.toSorted((a, b) => rank(a) - rank(b))
}

function hopLines(hop: LiveHop): string[] {
  const head = `    ${hop.role.padEnd(11)} ${hop.agent.padEnd(10)} ${hop.text}`
  const { spf, dkim, dmarc, arc, spfDomain, authorSpf, authorDomain, trustedForwarder } = hop.detail
  if (spf === undefined || dmarc === undefined || hop.role === 'Transmitter') return [head]
  const of =
    typeof authorDomain === 'string' && authorSpf !== undefined
      ? `SPF ${authorSpf} for ${authorDomain} (${spf} for ${spfDomain}, the Forwarder's own name)`
      : `SPF ${spf}`
  const lines = [head, `${' '.repeat(27)}${of} · DKIM ${dkim} · DMARC ${dmarc} · ARC ${arc}`]
  if (authorSpf === 'fail')
    lines.push(
      `${' '.repeat(27)}why: the mail comes from the Forwarder's address, which ${authorDomain} does not list; its signature (DKIM) is`,
      `${' '.repeat(27)}untouched, and ${typeof trustedForwarder === 'string' ? `the Recipient trusts ${trustedForwarder}, so what its Border saw counts` : 'the Recipient has not told the MDA yet to trust this Forwarder'}`,
    )
  return lines
}

const at = ({ address, port }: Endpoint) => `${address}:${port}`

function doorsOf(agent: RunningAgent): Map<ServiceName, Endpoint> {
  const doors = new Map<ServiceName, Endpoint>()
  for (const name of [
    'smtp',
    'submission',
    'submissions',
    'imap',
    'imaps',
    'pop3',
    'pop3s',
    'managesieve',
    'lmtp',
  ] as const) {
    const endpoint = agent.endpoint(name)
    if (endpoint !== undefined) doors.set(name, endpoint)
  }
  return doors
}

const door = (endpoint: Endpoint | undefined) =>
  endpoint === undefined ? undefined : { host: endpoint.address, port: endpoint.port }

/** The line for scripts; fields that do not apply are absent. */
function readyLine(lab: Lab, folder: string): object {
  const agents = lab.system.agents
  const found = (plan: AgentPlan) => agents.find((agent) => agent.plan.id === plan.id)!
  // One entry for each different block of the drawing, in its order: a role played again elsewhere is not told twice.
  const blocks = lab.system.plan.model.blocks.flatMap((block) =>
    agents.flatMap(({ plan }) =>
      plan.blocks.filter(({ id }) => id === block.id).map(({ roles }) => ({ plan, roles, id: block.id })),
    ),
  )
  const told = blocks.filter(
    ({ plan, roles }, i) =>
      !blocks
        .slice(0, i)
        .some((other) => other.plan.id === plan.id && roles.every((role) => other.roles.includes(role))),
  )
  return {
    ready: true,
    folder,
    web: lab.webUrl,
    dns: door(lab.dns),
    agents: told.map(({ plan, roles, id }, i) => ({
      // An agent's first place has its @id; another place of the same agent the name that the drawing gives it.
      name: told.findIndex((one) => one.plan === plan) === i ? plan.id : id,
      roles,
      domain: plan.domain,
      ...(roles.includes('Receiver') ? { smtp: door(found(plan).endpoint('smtp')) } : {}),
      ...(roles.includes('MSA')
        ? {
            submission: door(found(plan).endpoint('submission')),
            submissions: door(found(plan).endpoint('submissions')),
          }
        : {}),
    })),
    people: lab.system.plan.agents.flatMap((plan) =>
      plan.people.map((person) => ({
        address: person.address,
        password: person.password,
        role: person.roles[0],
        imap: door(found(plan).endpoint('imap')),
        imaps: door(found(plan).endpoint('imaps')),
        pop3: door(found(plan).endpoint('pop3')),
        pop3s: door(found(plan).endpoint('pop3s')),
        managesieve: door(found(plan).endpoint('managesieve')),
        jmap: `${lab.webUrl}/.well-known/jmap`,
        submission: door(found(plan).endpoint('submission')),
        submissions: door(found(plan).endpoint('submissions')),
      })),
    ),
  }
}
