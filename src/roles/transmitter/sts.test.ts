// MTA-STS at the Transmitter (RFC 8461): the whole of it in the simulated world, with a web server that serves the policy
// and a mail server with a certificate. Case N8 of the hostile networks: whoever takes TLS away gains nothing.

import assert from 'node:assert/strict'
import { before, describe, mock, test } from 'node:test'
import { generate } from 'selfsigned'
import { policyLines, policyRecord, type StsMode, type StsPolicy } from '../../identity/mta-sts/policy.ts'
import { parseReport } from '../../identity/reports/incoming.ts'
import type { ZoneRecord } from '../../protocols/dns/zone.ts'
import { SmtpConnection } from '../../protocols/smtp/client.ts'
import type { InboundMessage } from '../../protocols/smtp/policy.ts'
import { reply } from '../../protocols/smtp/reply.ts'
import { serveSmtp } from '../../protocols/smtp/serve.ts'
import { domainAt, type ScriptedServer, serveScript, TestSystem, TWO_AGENTS } from '../../system/testing.ts'
import { stsPolicyText } from '../../system/web.ts'
import type { Listener, TlsIdentity } from '../../world/network.ts'
import { realKeymaker } from '../../world/real/keymaker.ts'
import { RealNetwork } from '../../world/real/network.ts'
import { realClock, realRandom } from '../../world/real/world.ts'
import type { SimulatedHost } from '../../world/simulated/host.ts'
import type { TlsSessionRow } from '../reports/observations.ts'
import { connectTo } from './connect.ts'
import { TlsPolicy } from './tls-attempt.ts'

const ANNA = 'anna@sender.test'
const CARL = 'carl@far.test'
const FAR_IP = '127.0.50.1'
const WEB_IP = '127.0.50.2'
const HOUR = 3_600_000
const DAY = 24 * HOUR

const certificates = {} as Record<'mail' | 'web' | 'other' | 'stranger' | 'old', TlsIdentity>
before(async () => {
  certificates.mail = await realKeymaker.tlsIdentity(['mail.far.test'])
  certificates.web = await realKeymaker.tlsIdentity(['mta-sts.far.test'])
  certificates.other = await realKeymaker.tlsIdentity(['mail.other.test'])
  certificates.stranger = await realKeymaker.tlsIdentity(['mail.far.test'])
  const made = await generate([{ name: 'commonName', value: 'mail.far.test' }], {
    keyType: 'ec',
    curve: 'P-256',
    notBeforeDate: new Date(Date.UTC(2020, 0, 1)),
    notAfterDate: new Date(Date.UTC(2021, 0, 1)),
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'mail.far.test' }] }],
  })
  certificates.old = { certificatePem: made.cert, privateKeyPem: made.private }
})

/** A sender, and far.test with a mail server and a policy. */
class Setting {
  readonly world: TestSystem
  readonly far: SimulatedHost
  readonly web: SimulatedHost
  readonly computer: SimulatedHost
  readonly taken: InboundMessage[] = []
  readonly attempts: TlsSessionRow[] = []
  fetched = 0
  #server: ScriptedServer | undefined
  #webListener: Listener | undefined

  private constructor(world: TestSystem) {
    this.world = world
    this.far = world.system.host('far', FAR_IP)
    this.web = world.system.host('web', WEB_IP)
    this.computer = world.system.host('computer', '127.0.99.9')
    this.publish()
    this.listen()
  }

  static async make(): Promise<Setting> {
    const { mail, web, other, old } = certificates
    const trusted = [mail, web, other, old].map(({ certificatePem }) => certificatePem)
    return new Setting(await TestSystem.start(`${TWO_AGENTS}\nsender: reports=yes\n`, { trusted }))
  }

  listen(): void {
    const observations = this.world.agent('sender').observations!
    const count = observations.session.bind(observations)
    mock.method(observations, 'session', (domain: string, row: TlsSessionRow, isWorthy: boolean) => {
      this.attempts.push(row)
      count(domain, row, isWorthy)
    })
  }

  /** The mail server, with this certificate; undefined: no STARTTLS. */
  async mailServer(identity: TlsIdentity | undefined): Promise<void> {
    await this.#server?.close()
    this.#server = await serveScript(
      this.world,
      this.far,
      {
        message: (message) => {
          this.taken.push(message)
          return reply(250, '2.0.0', 'taken')
        },
      },
      { ...(identity && { identity }) },
    )
  }

  /** Announces the policy and serves it; `body` in place of its text. */
  async policy(policy: StsPolicy, body = `${policyLines(policy).join('\n')}\n`, identity = certificates.web) {
    this.announce(policy)
    await this.stopWeb()
    const answer = `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    const { network } = this.web.world
    const listening = network.listen(
      { address: WEB_IP, port: 443 },
      async (stream) => {
        await stream.read()
        this.fetched++
        await stream.write(Buffer.from(answer))
        stream.end()
      },
      identity,
    )
    this.#webListener = await this.world.run(listening)
  }

  announce(policy: StsPolicy): void {
    this.publish({ name: '_mta-sts.far.test', type: 'TXT', ttlS: 60, data: policyRecord(policy) })
  }

  /** What DNS says of far.test, these records beside its usual ones. */
  publish(...more: ZoneRecord[]): void {
    const web = { name: 'mta-sts.far.test', type: 'A', ttlS: 60, data: WEB_IP } as const
    this.world.system.publish([...domainAt('far.test', FAR_IP), web, ...more])
  }

  async stopWeb(): Promise<void> {
    if (this.#webListener !== undefined) await this.world.run(this.#webListener.close())
    this.#webListener = undefined
  }

  /** Anna writes to Carl, and ten minutes pass. */
  async send(): Promise<void> {
    await this.world.send(this.computer, 'sender', 'submission', { from: ANNA, to: CARL, login: ANNA })
    await this.pass(10 * 60_000)
  }

  pass(ms: number): Promise<void> {
    return this.world.run(this.world.agent('sender').world.clock.sleep(ms), ms + DAY)
  }

  get lastReply(): string {
    return this.world.agent('sender').store.queue.entries()[0]?.lastReply ?? ''
  }
}

const policyOf = (mode: StsMode, mx = ['mail.far.test'], maxAgeS = 7 * 86_400): StsPolicy => ({ mode, mx, maxAgeS })

describe('mode enforce', () => {
  test('a host that the policy names and that proves itself gets the mail, over TLS', async () => {
    const setting = await Setting.make()
    await setting.mailServer(certificates.mail)
    await setting.policy(policyOf('enforce'))
    await setting.send()
    assert.equal(setting.taken.length, 1)
    assert.equal(setting.taken[0]?.session.tls?.protocol, 'TLSv1.3')
    assert.deepEqual(setting.attempts, [
      {
        policy: 'sts',
        result: 'success',
        sendingIp: '',
        mx: '',
        ip: '',
        policyLines: ['version: STSv1', 'mode: enforce', 'mx: mail.far.test', 'max_age: 604800'],
        mxHosts: ['mail.far.test'],
      },
    ])
    const transmitted = setting.world.events('sender', 'transmitted')[0]!
    assert.equal(transmitted.detail.tlsPolicy, 'MTA-STS enforce')
    assert.equal(transmitted.detail.tlsResult, 'success')
  })

  for (const [what, identity, mx, result] of [
    ['STARTTLS was taken away', () => undefined, 'mail.far.test', 'starttls-not-supported'],
    ['a certificate for another name', () => certificates.other, 'mail.far.test', 'certificate-host-mismatch'],
    ['a certificate that nobody vouches for', () => certificates.stranger, 'mail.far.test', 'certificate-not-trusted'],
    ['a certificate that is out of date', () => certificates.old, 'mail.far.test', 'certificate-expired'],
    ['an MX that the policy does not name', () => certificates.mail, '*.elsewhere.test', 'validation-failure'],
  ] as const)
    test(`${what}: nothing is delivered, the mail waits and says why`, async () => {
      const setting = await Setting.make()
      await setting.mailServer(identity())
      await setting.policy(policyOf('enforce', [mx]))
      await setting.send()
      assert.equal(setting.taken.length, 0)
      assert.deepEqual([...new Set(setting.attempts.map((attempt) => attempt.result))], [result])
      assert.match(setting.lastReply, new RegExp(`^451 4\\.7\\.5 .*MTA-STS policy of far\\.test asks: ${result}`))
      // As soon as the host is what it should be, the mail goes.
      await setting.mailServer(certificates.mail)
      await setting.policy(policyOf('enforce'))
      await setting.pass(2 * HOUR)
      assert.equal(setting.taken.length, 1)
      assert.equal(setting.attempts.at(-1)?.result, 'success')
    })

  test('of two hosts the one that proves itself gets it', async () => {
    const setting = await Setting.make()
    await setting.mailServer(certificates.mail)
    await setting.policy(policyOf('enforce'))
    setting.publish(
      { name: '_mta-sts.far.test', type: 'TXT', ttlS: 60, data: policyRecord(policyOf('enforce')) },
      { name: 'far.test', type: 'MX', ttlS: 60, data: { preference: 5, exchange: 'evil.test' } },
      { name: 'evil.test', type: 'A', ttlS: 60, data: FAR_IP },
    )
    await setting.send()
    assert.deepEqual(
      setting.attempts.map(({ mx, result }) => `${mx} ${result}`),
      ['evil.test validation-failure', ' success'],
    )
    assert.equal(setting.taken.length, 1)
  })

  test('whoever blocks DNS and HTTPS later gains nothing: the policy that was seen holds, over a restart too', async () => {
    const setting = await Setting.make()
    const { world } = setting
    await setting.mailServer(certificates.mail)
    await setting.policy(policyOf('enforce'))
    await setting.send()
    assert.equal(setting.taken.length, 1)
    await setting.stopWeb()
    setting.publish()
    await setting.mailServer(undefined)
    world.system.crash('sender')
    await world.run(world.system.restart('sender'))
    setting.listen()
    await setting.pass(3 * DAY)
    await setting.send()
    assert.equal(setting.taken.length, 1)
    assert.match(setting.lastReply, /MTA-STS policy of far\.test asks: starttls-not-supported/)
    // It says itself how long: a week.
    await setting.pass(5 * DAY)
    assert.equal(setting.taken.length, 2)
  })

  test('a policy is fetched again before it is out of date, and a fetch that fails takes nothing from it', async () => {
    const setting = await Setting.make()
    await setting.mailServer(certificates.mail)
    await setting.policy(policyOf('enforce'))
    await setting.send()
    await setting.pass(5 * DAY)
    assert.ok(setting.fetched >= 5, `fetched ${setting.fetched} times in five days`)
    const { store } = setting.world.agent('sender')
    const kept = store.stsPolicy('far.test')!
    await setting.stopWeb()
    await setting.pass(2 * DAY)
    assert.equal(store.stsPolicy('far.test')?.expiresMs, kept.expiresMs)
  })
})

test('TLS reports tell it, and are themselves told to a host that fails its policy (RFC 8460 §3)', async () => {
  const setting = await Setting.make()
  await setting.mailServer(certificates.other)
  await setting.policy(policyOf('enforce'))
  setting.publish(
    { name: '_mta-sts.far.test', type: 'TXT', ttlS: 60, data: policyRecord(policyOf('enforce')) },
    { name: '_smtp._tls.far.test', type: 'TXT', ttlS: 60, data: 'v=TLSRPTv1; rua=mailto:tls@far.test' },
  )
  await setting.send()
  await setting.pass(2 * DAY)
  const [message, ...others] = setting.taken
  assert.deepEqual(others, [])
  const found = parseReport(message!.source)
  assert.ok(found.kind === 'tls')
  const [policy] = found.report.policies
  assert.deepEqual([policy?.type, policy?.domain, policy?.mxHosts], ['sts', 'far.test', ['mail.far.test']])
  assert.deepEqual(policy?.policyLines, policyLines(policyOf('enforce')))
  assert.equal(policy?.successfulSessions, 0)
  assert.deepEqual([...new Set(policy?.failures.map(({ resultType }) => resultType))], ['certificate-host-mismatch'])
  // Anna's letter still waits for a host that proves itself.
  assert.match(setting.lastReply, /MTA-STS policy of far\.test asks: certificate-host-mismatch/)
})

describe('mode testing', () => {
  test('mail goes, and what went wrong is counted', async () => {
    for (const [identity, mx, result] of [
      [undefined, 'mail.far.test', 'starttls-not-supported'],
      [certificates.other, 'mail.far.test', 'certificate-host-mismatch'],
      [certificates.mail, 'other.test', 'validation-failure'],
    ] as const) {
      const setting = await Setting.make()
      await setting.mailServer(identity)
      await setting.policy(policyOf('testing', [mx]))
      await setting.send()
      assert.equal(setting.taken.length, 1)
      assert.deepEqual(
        setting.attempts.map((attempt) => [attempt.policy, attempt.policyLines?.[1], attempt.result]),
        [['sts', 'mode: testing', result]],
      )
    }
  })
})

describe('no policy', () => {
  test('any certificate will do, and plain text where there is none; each is counted', async () => {
    const setting = await Setting.make()
    await setting.mailServer(certificates.stranger)
    await setting.send()
    await setting.mailServer(undefined)
    await setting.send()
    assert.equal(setting.taken.length, 2)
    assert.deepEqual(
      setting.attempts.map(({ policy, result }) => `${policy} ${result}`),
      ['no-policy-found success', 'no-policy-found starttls-not-supported'],
    )
  })

  test('one that is announced and cannot be had stops no mail, and is counted', async () => {
    for (const [prepare, result] of [
      [(one: Setting) => one.announce(policyOf('enforce')), 'sts-policy-fetch-error'],
      [(one: Setting) => one.policy(policyOf('enforce'), 'version: STSv1\nmode: maybe\n'), 'sts-policy-invalid'],
      [(one: Setting) => one.policy(policyOf('enforce'), undefined, certificates.other), 'sts-webpki-invalid'],
    ] as const) {
      const setting = await Setting.make()
      await setting.mailServer(certificates.mail)
      await prepare(setting)
      await setting.send()
      assert.equal(setting.taken.length, 1, result)
      assert.deepEqual(
        setting.attempts.map(({ policy, result }) => [policy, result]),
        [['sts', result]],
      )
    }
  })

  test('mode none takes an earlier policy back', async () => {
    const setting = await Setting.make()
    await setting.mailServer(certificates.mail)
    await setting.policy(policyOf('enforce'))
    await setting.send()
    await setting.policy(policyOf('none', []))
    await setting.mailServer(undefined)
    await setting.pass(HOUR)
    await setting.send()
    assert.equal(setting.taken.length, 2)
    assert.equal(setting.attempts.at(-1)?.policy, 'no-policy-found')
  })
})

test('with real sockets: what OpenSSL says of a certificate, in the words of reports', async () => {
  const { mail, other, stranger, old } = certificates
  const network = new RealNetwork()
  const trusted = [mail, other, old].map(({ certificatePem }) => certificatePem)
  const policy = new TlsPolicy('far.test', { policy: policyOf('enforce'), steps: [] })
  for (const [identity, result] of [
    [mail, 'success'],
    [other, 'certificate-host-mismatch'],
    [stranger, 'certificate-not-trusted'],
    [old, 'certificate-expired'],
    [undefined, 'starttls-not-supported'],
  ] as const) {
    const listener = await network.listen({ address: '127.0.0.1', port: 0 }, (stream) => {
      const taker = { mail: () => undefined, recipient: () => undefined, message: () => reply(250, '', 'taken') }
      const options = { hostName: 'mail.far.test', ...(identity && { identity }) }
      void serveSmtp(stream, taker, options, { clock: realClock, random: realRandom })
    })
    const met = await SmtpConnection.open({
      network,
      clock: realClock,
      endpoint: listener.endpoint,
      serverName: 'mail.far.test',
      heloName: 'mail.sender.test',
      tls: 'required',
      trusted,
    })
    const destination = { exchange: 'mail.far.test', address: '127.0.0.1' }
    assert.equal(policy.at(destination, Date.now()).measure(met)?.result, result)
    if (met instanceof SmtpConnection) await met.quit()
    await listener.close()
  }
})

describe('our own policy', () => {
  test('what the description says is announced, served, and obeyed by another system', async () => {
    const world = await TestSystem.start(`${TWO_AGENTS}\nrecipient: mta-sts=enforce\n`)
    const host = world.system.hostOf('recipient')
    const served = stsPolicyText(world.system.plan, 'mta-sts.recipient.test')!
    assert.equal(served, 'version: STSv1\r\nmode: enforce\r\nmx: mail.recipient.test\r\nmax_age: 2419200\r\n')
    assert.equal(stsPolicyText(world.system.plan, 'mta-sts.sender.test'), undefined)
    assert.equal(stsPolicyText(world.system.plan, 'recipient.test'), undefined)
    const answer = `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${served.length}\r\n\r\n${served}`
    const web = await realKeymaker.tlsIdentity(['mta-sts.recipient.test'])
    Object.assign(world.simulation, { trusted: [web.certificatePem] })
    await world.run(
      host.world.network.listen(
        { address: '127.0.20.1', port: 443 },
        async (stream) => {
          await stream.read()
          await stream.write(Buffer.from(answer))
          stream.end()
        },
        web,
      ),
    )
    await world.submit('bob@recipient.test')
    await world.run(world.agent('sender').world.clock.sleep(600_000))
    // Its certificate is one that nobody vouches for: who says "enforce" must have a better one.
    assert.deepEqual(await world.mail('recipient', 'bob@recipient.test'), [])
    const [entry] = world.agent('sender').store.queue.entries()
    assert.match(
      entry!.lastReply,
      /mail\.recipient\.test does not prove itself as the MTA-STS policy of recipient\.test asks/,
    )
  })
})

test('a policy that the store cannot give ends an attempt in haste, and nothing else', async () => {
  const world = await TestSystem.start(TWO_AGENTS)
  const agent = world.agent('sender')
  world.stranger(FAR_IP, domainAt('far.test', FAR_IP))
  world.system.hostOf('sender').disk.fault({ operation: 'read', code: 'failed', path: 'store/store.db', times: 1 })
  const haste = { deadlineMs: agent.world.clock.monotonic() + 5000, dataTerminationMs: 5000 }
  await world.run(assert.rejects(connectTo(agent, 'far.test', { haste }), { code: 'failed' }))
  await world.passTime(10_000)
})
