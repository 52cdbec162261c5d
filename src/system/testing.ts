// A system for the tests of the roles: agents of a description in the simulated world, Authors and strangers who speak
// SMTP to them, and a look into mailboxes, queues and tracking.

import { parse } from '../notation/parse.ts'
import type { ZoneRecord } from '../protocols/dns/zone.ts'
import { type ClientTls, SmtpConnection } from '../protocols/smtp/client.ts'
import type { SmtpServerPolicy } from '../protocols/smtp/policy.ts'
import { replyText } from '../protocols/smtp/reply.ts'
import { type ServeOptions, serveSmtp } from '../protocols/smtp/serve.ts'
import type { Agent } from '../roles/agent.ts'
import { forwardPathOf, reversePathOf } from '../roles/routing.ts'
import type { Verdict } from '../store/nouns/mail.ts'
import type { TrackEvent } from '../store/nouns/tracking.ts'
import type { Endpoint } from '../world/network.ts'
import type { SimulatedHost } from '../world/simulated/host.ts'
import { type Simulation, type SimulationOptions, simulate } from '../world/simulated/simulation.ts'
import { planSystem } from './description.ts'
import { SimulatedSystem } from './simulated.ts'

/**
 * Sender and Recipient, both ways. Attribute lines go below it. Content is not weighed, so that a short letter is judged
 * by what it proves.
 */
export const TWO_AGENTS = `
Author@anna ==> MSA/Transmitter@sender --> / --> Receiver/MDA@recipient ==> Recipient@bob

Author@bob ==> MSA/Transmitter@recipient --> / --> Receiver/MDA@sender ==> Recipient@anna

sender:    domain=sender.test, ip=127.0.10.1, filter=no
recipient: domain=recipient.test, ip=127.0.20.1, filter=no
anna: address=anna@sender.test, name="Anna Author", password=demo
bob:  address=bob@recipient.test, name="Bob Recipient", password=demo
`

/** One message on its way in. */
export interface Letter {
  /** The reverse-path; '' is the null reverse-path. */
  readonly from: string
  readonly to: string | readonly string[]
  /** Lines end in LF. Default: a plain message of the same From and To. */
  readonly text?: string
  readonly helo?: string
  readonly tls?: ClientTls
  /** Address of the Author who signs in with the password 'demo'. */
  readonly login?: string
}

export interface Found {
  readonly text: string
  readonly verdict: Verdict | null
}

export class TestSystem {
  readonly system: SimulatedSystem
  readonly simulation: Simulation
  readonly complaints: string[]
  readonly #strangers: ZoneRecord[] = []

  private constructor(system: SimulatedSystem, complaints: string[]) {
    this.system = system
    this.simulation = system.simulation
    this.complaints = complaints
  }

  /** @throws Error when the description has findings */
  static async start(text: string, options: Partial<SimulationOptions> = {}): Promise<TestSystem> {
    const { plan, findings } = planSystem(parse(text).model)
    if (findings.length > 0) throw new Error(findings.map(({ code, message }) => `${code} ${message}`).join('\n'))
    const complaints: string[] = []
    const log = (agent: string, level: string, said: string, facts?: object) => {
      if (level !== 'info') complaints.push(`${agent}: ${said} ${JSON.stringify(facts)}`)
    }
    return new TestSystem(await SimulatedSystem.start(plan, simulate({ seed: 1, ...options }), { log }), complaints)
  }

  agent(id: string): Agent {
    return this.system.agent(id).agent
  }

  /** A computer outside. With a domain it is also its mail host in DNS: A, MX, SPF and more, as given. */
  stranger(ip: string, records: readonly ZoneRecord[] = []): SimulatedHost {
    this.publish(records)
    return this.system.host(`stranger ${ip}`, ip)
  }

  publish(records: readonly ZoneRecord[]): void {
    this.#strangers.push(...records)
    this.system.publish(this.#strangers)
  }

  /** Virtual time passes until the work is done. */
  run<T>(work: Promise<T>, limitMs?: number): Promise<T> {
    return this.simulation.finish(work, limitMs)
  }

  /** Sends one letter over a connection of its own; what was replied for each recipient, or instead of a greeting. */
  send(host: SimulatedHost, id: string, service: 'smtp' | 'submission' | 'submissions', letter: Letter) {
    return this.run(this.sending(host, id, service, letter))
  }

  async sending(
    host: SimulatedHost,
    id: string,
    service: 'smtp' | 'submission' | 'submissions',
    letter: Letter,
  ): Promise<string[]> {
    const { world } = host
    const connection = await SmtpConnection.open({
      network: world.network,
      clock: world.clock,
      endpoint: this.system.agent(id).endpoint(service)!,
      serverName: this.agent(id).hostName,
      heloName: letter.helo ?? 'computer.test',
      tls: letter.tls ?? (letter.login === undefined ? 'none' : 'required'),
      ...(letter.login === undefined
        ? {}
        : { login: { user: letter.login, password: 'demo', cpu: world.cpu, random: world.random } }),
    })
    if (!(connection instanceof SmtpConnection)) return [replyText(connection.reply)]
    const to = [letter.to].flat()
    const result = await connection.send({
      envelope: {
        reversePath: reversePathOf(letter.from),
        recipients: to.map((address) => ({ forwardPath: forwardPathOf(address) })),
        body: '7BIT',
        smtputf8: false,
      },
      message: messageOf(letter),
    })
    await connection.quit()
    return result.recipients.map(({ reply }) => replyText(reply))
  }

  /** Says bytes, each piece after `silenceMs` without an answer; everything that was heard. */
  say(
    host: SimulatedHost,
    id: string,
    pieces: readonly (string | Buffer)[],
    { service = 'smtp', silenceMs = 400 }: { service?: 'smtp' | 'submission'; silenceMs?: number } = {},
  ): Promise<string> {
    return this.run(this.#saying(host, this.system.agent(id).endpoint(service)!, pieces, silenceMs))
  }

  async #saying(
    host: SimulatedHost,
    at: Endpoint,
    pieces: readonly (string | Buffer)[],
    silenceMs: number,
  ): Promise<string> {
    const stream = await host.world.network.connect(at, { timeoutMs: 1000 })
    let heard = ''
    const listen = async () => {
      try {
        for (let chunk = await stream.read(silenceMs); chunk !== null; chunk = await stream.read(silenceMs))
          heard += Buffer.from(chunk).toString('latin1')
      } catch {
        // Silence: the next piece.
      }
    }
    await listen()
    for (const piece of pieces) {
      await stream.write(Buffer.from(piece as string)).catch(() => {})
      await listen()
    }
    stream.destroy()
    return heard
  }

  /** Anna writes: signed in at her MSA. */
  async submit(to: string | readonly string[], text?: string): Promise<string[]> {
    this.#computer ??= this.stranger('127.0.99.1')
    return this.send(this.#computer, 'sender', 'submission', { from: ANNA, to, login: ANNA, text })
  }
  #computer: SimulatedHost | undefined

  /** Virtual time passes until no queue holds anything that waits. @throws Error after a week */
  async quiet(): Promise<void> {
    const endMs = this.simulation.nowMs + 7 * 86_400_000
    const waits = () =>
      [...this.system.agents.values()].some(({ agent }) => agent.store.queue.nextDueMs() !== undefined)
    await this.simulation.run(() => !waits() || this.simulation.nowMs > endMs)
    if (waits()) throw new Error('the queues do not empty')
  }

  async passTime(forMs: number): Promise<void> {
    await this.simulation.runFor(forMs)
  }

  /** Virtual time passes until this long after the next midnight (UTC). */
  async untilNight(afterMs: number): Promise<void> {
    const nowMs = [...this.system.agents.values()][0]!.agent.world.clock.now()
    await this.passTime((Math.floor(nowMs / DAY_MS) + 1) * DAY_MS + afterMs - nowMs)
  }

  /** The messages in one mailbox, oldest first. */
  async mail(id: string, address: string, use: 'inbox' | 'junk' = 'inbox'): Promise<Found[]> {
    const { store } = this.agent(id)
    const account = store.accountByAddress(address)!.id
    const mailbox = store.mailboxByUse(account, use)!.id
    const emails = store.emails(
      account,
      store.placements(account, mailbox).map(({ email }) => email),
    )
    return this.run(
      Promise.all(
        emails.map(async ({ blob, verdict }) => ({ text: (await store.readBlob(blob))!.toString('utf8'), verdict })),
      ),
    )
  }

  /** What tracking says of a role, oldest first. */
  events(id: string, kind?: TrackEvent['kind']): TrackEvent[] {
    const all = this.agent(id).store.events({ limit: 100_000 })
    return kind === undefined ? all : all.filter((event) => event.kind === kind)
  }
}

const ANNA = 'anna@sender.test'
const DAY_MS = 86_400_000

function messageOf({ from, to, text }: Letter): Buffer {
  const plain = `From: ${from === '' ? 'postmaster@sender.test' : from}\nTo: ${[to].flat().join(', ')}\nSubject: hello\n\nHello\n`
  return Buffer.from((text ?? plain).replace(/\r?\n/g, '\r\n'))
}

/** The DNS records of a stranger's domain: host mail.DOMAIN at `ip`, which receives and may send for it. */
export function domainAt(domain: string, ip: string, dmarc = 'none'): ZoneRecord[] {
  const host = `mail.${domain}`
  return [
    { name: domain, type: 'MX', ttlS: 60, data: { preference: 10, exchange: host } },
    { name: host, type: 'A', ttlS: 60, data: ip },
    { name: domain, type: 'TXT', ttlS: 60, data: `v=spf1 ip4:${ip} -all` },
    { name: `_dmarc.${domain}`, type: 'TXT', ttlS: 60, data: `v=DMARC1; p=${dmarc}` },
  ]
}

/** A mail server whose answers a test writes; `sessions` counts connections. */
export interface ScriptedServer {
  sessions: number
  readonly close: () => Promise<void>
}

/** Serves SMTP on port 25 of a host with the policy of a test. */
export async function serveScript(
  test: TestSystem,
  host: SimulatedHost,
  policy: Partial<SmtpServerPolicy> & Pick<SmtpServerPolicy, 'message'>,
  { timeouts = {}, ...options }: Partial<Omit<ServeOptions, 'hostName'>> = {},
): Promise<ScriptedServer> {
  const server = { sessions: 0, close: async () => {} }
  const { world } = host
  const whole: SmtpServerPolicy = { mail: () => undefined, recipient: () => undefined, ...policy }
  const listening = world.network.listen({ address: host.addresses[0]!, port: 25 }, (stream) => {
    server.sessions++
    void serveSmtp(stream, whole, { hostName: 'script.test', timeouts, ...options }, world)
  })
  const listener = await test.run(listening)
  server.close = () => test.run(listener.close())
  return server
}
