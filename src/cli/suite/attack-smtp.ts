// The suite of attacks on the SMTP wire, against the real roles in the simulated world. Three forms of files:
// smuggling (ends of data that lax servers take for one: nothing may make two messages of one, coming in by DATA or BDAT
// at Border and MSA, or going out by SMTP, JMAP and IMAP to the laxest server there can be), STARTTLS injection (what is
// said inside TLS must be what is said without the injected text), and fake servers (whatever a server answers, what
// requires TLS never goes in clear, and no message is lost).

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { SmtpConnection } from '../../protocols/smtp/client.ts'
import { type FakeServer, fakeServers, type Heard, serveFake } from '../../protocols/smtp/fake-server.ts'
import { forwardPathOf, reversePathOf } from '../../roles/routing.ts'
import { domainAt, TestSystem } from '../../system/testing.ts'
import type { Stream } from '../../world/network.ts'
import { type Suite, SuiteReport } from './report.ts'
import { smuggle } from './smuggling.ts'

export const ANNA = 'anna@sender.test'
export const BOB = 'bob@recipient.test'
const SYSTEM = `
Author@anna ==> MSA/Transmitter@sender --> / --> Receiver/MDA@recipient ==> Recipient@bob

Author@bob ==> MSA/Transmitter@recipient --> / --> Receiver/MDA@sender ==> Recipient@anna

--> / --> Receiver/Forwarder/MDA@old ==> Recipient@carl

sender:    domain=sender.test, ip=127.0.10.1, filter=no
recipient: domain=recipient.test, ip=127.0.20.1, filter=no
old:       domain=old.test, ip=127.0.30.1, filter=no, forward="carl@old.test -> carl@lax.test"
anna: address=anna@sender.test, name="Anna", password=demo
bob:  address=bob@recipient.test, name="Bob", password=demo
carl: address=carl@old.test
`

interface Injection {
  readonly id: string
  readonly pretls?: readonly string[]
  readonly injected: string
  readonly after_tls: string
}

export const attackSmtpSuite: Suite = async (dir) => {
  const report = new SuiteReport()
  const servers: FakeServer[] = []
  for (const path of readdirSync(dir, { recursive: true }).map(String).sort()) {
    const text = () => readFileSync(join(dir, path), 'utf8')
    if (path.endsWith('.ron')) servers.push(...fakeServers(path.replace(/\.ron$/, ''), text()))
    if (!path.endsWith('.json')) continue
    const data = JSON.parse(text())
    if (Array.isArray(data)) await inject(report, await TestSystem.start(SYSTEM), data)
    else await smuggle(report, await TestSystem.start(SYSTEM), data)
  }
  if (servers.length > 0) await meet(report, servers)
  return report
}

/** What comes until there is silence. */
export async function listen(stream: Stream, silenceMs = 400): Promise<string> {
  let heard = ''
  try {
    for (;;) {
      const bytes = await stream.read(silenceMs)
      if (bytes === null) return heard
      heard += Buffer.from(bytes).toString('latin1')
    }
  } catch {
    return heard
  }
}

const DOORS = { smtp: ['smtp', 'submission'], imap: ['imap'], pop3: ['pop3'], managesieve: ['managesieve'] } as const

/** Text behind the command that starts TLS, in one piece with it or in the next one. */
async function inject(report: SuiteReport, world: TestSystem, cases: readonly Injection[]): Promise<void> {
  const attacker = world.stranger('203.0.113.9')
  /** What is heard inside TLS; undefined where the server closed instead. */
  const inside = async (door: string, { pretls = [], after_tls }: Injection, pieces: readonly string[]) => {
    const endpoint = world.system.agent(door === 'submission' ? 'sender' : 'recipient').endpoint(door as 'smtp')
    if (endpoint === undefined) return 'not offered'
    const stream = await attacker.world.network.connect(endpoint, { timeoutMs: 1000 })
    try {
      await listen(stream)
      for (const line of pretls) {
        await stream.write(Buffer.from(line))
        await listen(stream)
      }
      for (const piece of pieces) await stream.write(Buffer.from(piece))
      await stream.read(1000)
      await stream.startTls({ role: 'client', serverName: 'mail.test', mustAuthenticate: false })
      await stream.write(Buffer.from(after_tls))
      return await listen(stream)
    } catch {
      return undefined
    } finally {
      stream.destroy()
    }
  }
  for (const attack of cases) {
    const lineEnd = attack.injected.indexOf('\n') + 1
    const [command, rest] = [attack.injected.slice(0, lineEnd), attack.injected.slice(lineEnd)]
    for (const door of DOORS[attack.id as keyof typeof DOORS] ?? [attack.id]) {
      const honest = await world.run(inside(door, attack, [command]))
      if (honest === 'not offered') {
        report.skip(`starttls ${attack.id}`, `there is no ${door} here`)
        continue
      }
      if (!honest) report.fail(`starttls ${door}`, 'TLS without injection', 'nothing is said')
      for (const [how, pieces] of [
        ['in one piece', [attack.injected]],
        ['in the next piece', [command, rest]],
      ] as const) {
        const heard = await world.run(inside(door, attack, pieces))
        report.check(`starttls ${door}, ${how}`, [honest ?? '', 'closed'], heard ?? 'closed')
      }
    }
  }
}

/** Our clients meet every server: one that requires TLS, and the Transmitter with a message to carry. */
async function meet(report: SuiteReport, servers: readonly FakeServer[]): Promise<void> {
  const world = await TestSystem.start(SYSTEM)
  const mine = world.stranger('203.0.113.8')
  const all: { server: FakeServer; domain: string; heard: Heard }[] = []
  for (const [n, server] of servers.entries()) {
    const [domain, ip] = [`fake${n}.test`, `203.0.${120 + Math.floor(n / 200)}.${1 + (n % 200)}`]
    const host = world.stranger(ip, domainAt(domain, ip))
    const heard: Heard = { inClear: [], taken: 0 }
    const at = { address: ip, port: 25 }
    await world.run(
      host.world.network.listen(at, (stream) => {
        serveFake(stream, server, heard).catch(() => stream.destroy())
      }),
    )
    report.check(
      `${server.name}: TLS required`,
      'nothing in clear',
      await world.run(requireTls(mine, at, server, heard)),
    )
    all.push({ server, domain, heard })
  }
  for (const { domain } of all) await world.submit(`bob@${domain}`)
  await world.quiet()
  const bounces = (await world.mail('sender', ANNA)).map(({ text }) => text)
  for (const { server, domain, heard } of all) {
    const isBounced = bounces.some((text) => text.includes(`bob@${domain}`))
    report.check(`${server.name}: a message to it`, ['taken', 'bounced'], fate(heard.taken > 0, isBounced))
  }
  const faults = world.complaints.filter((line) => line.includes('failed'))
  report.check('fake servers: the Transmitter lives', '', faults.slice(0, 3).join('\n'))
}

const fate = (isTaken: boolean, isBounced: boolean) =>
  isTaken && isBounced ? 'taken and bounced' : isTaken ? 'taken' : isBounced ? 'bounced' : 'lost'

async function requireTls(
  host: ReturnType<TestSystem['stranger']>,
  endpoint: { address: string; port: number },
  server: FakeServer,
  heard: Heard,
): Promise<string> {
  const { network, clock, cpu, random } = host.world
  const smtp = await SmtpConnection.open({
    ...{ network, clock, endpoint, serverName: 'x.test', heloName: 'out.test', tls: 'required' },
    timeouts: { greetingMs: 10_000, commandMs: 10_000 },
  })
  // What stands behind the reply to STARTTLS was put there by somebody else (CVE-2011-0411, the other way round).
  const isInjected = /\n[\s\S]/.test(server.overrides.get('starttls') ?? server.startTls) && server.offersTls
  if (smtp instanceof SmtpConnection) {
    if (isInjected) return 'what was injected is believed'
    await smtp.send({
      envelope: {
        ...{ reversePath: reversePathOf('anna@sender.test'), body: '7BIT', smtputf8: false },
        recipients: [{ forwardPath: forwardPathOf('bob@x.test') }],
      },
      message: Buffer.from('Subject: secret\r\n\r\nsecret\r\n'),
    })
    await smtp.quit()
  }
  const login = { user: 'anna', password: 'secret', cpu, random }
  const second = await SmtpConnection.open({
    ...{ network, clock, endpoint, serverName: 'x.test', heloName: 'out.test', tls: 'opportunistic', login },
    timeouts: { greetingMs: 10_000, commandMs: 10_000 },
  })
  if (second instanceof SmtpConnection) await second.quit()
  return heard.inClear.find((line) => /^(?:MAIL|RCPT|DATA|AUTH)|secret/i.test(line)) ?? 'nothing in clear'
}
