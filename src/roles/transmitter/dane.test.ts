// DANE at the Transmitter (RFC 7672): the whole of it in the simulated world, where a zone's answers are signed or not.
// With a resolver that validates, and real sockets: dane-unbound.test.ts.

import assert from 'node:assert/strict'
import { before, describe, mock, test } from 'node:test'
import { ownTlsa, tlsaText } from '../../identity/dane/tlsa.ts'
import { parseReport } from '../../identity/reports/incoming.ts'
import type { ZoneRecord } from '../../protocols/dns/zone.ts'
import { SmtpConnection } from '../../protocols/smtp/client.ts'
import type { InboundMessage } from '../../protocols/smtp/policy.ts'
import { reply } from '../../protocols/smtp/reply.ts'
import type { ServeOptions } from '../../protocols/smtp/serve.ts'
import { domainAt, type ScriptedServer, serveScript, TestSystem, TWO_AGENTS } from '../../system/testing.ts'
import { labZone } from '../../system/zones.ts'
import type { TlsaRecord } from '../../world/dns.ts'
import type { TlsIdentity } from '../../world/network.ts'
import type { SimulatedHost } from '../../world/simulated/host.ts'
import { certificateFor } from '../../world/testing/certificates.ts'
import type { TlsSessionRow } from '../reports/observations.ts'
import { forwardPathOf, reversePathOf } from '../routing.ts'

const ANNA = 'anna@sender.test'
const CARL = 'carl@far.test'
const FAR_IP = '127.0.50.1'
const OTHER_IP = '127.0.50.2'
const HOUR = 3_600_000
const DAY = 24 * HOUR

const certificates = {} as Record<'mail' | 'other' | 'root' | 'signed' | 'forDomain', TlsIdentity>
before(async () => {
  certificates.mail = await certificateFor(['mail.far.test'])
  certificates.other = await certificateFor(['mail.far.test'])
  certificates.root = await certificateFor(['Root'], { isAuthority: true })
  certificates.signed = await certificateFor(['mail.far.test'], { by: certificates.root })
  certificates.forDomain = await certificateFor(['far.test'], { by: certificates.root })
})

/** A sender, and far.test with a mail server in a zone that is signed. */
class Setting {
  readonly world: TestSystem
  readonly far: SimulatedHost
  readonly computer: SimulatedHost
  readonly taken: InboundMessage[] = []
  readonly attempts: TlsSessionRow[] = []
  #server: ScriptedServer | undefined

  private constructor(world: TestSystem) {
    this.world = world
    this.far = world.system.host('far', FAR_IP)
    this.computer = world.system.host('computer', '127.0.99.9')
    const observations = world.agent('sender').observations!
    const count = observations.session.bind(observations)
    mock.method(observations, 'session', (domain: string, row: TlsSessionRow, isWorthy: boolean) => {
      this.attempts.push(row)
      count(domain, row, isWorthy)
    })
  }

  static async make(...tlsa: TlsaRecord[]): Promise<Setting> {
    const setting = new Setting(await TestSystem.start(`${TWO_AGENTS}\nsender: reports=yes\n`))
    setting.sign(...tlsa.map((data) => at('mail.far.test', data)))
    return setting
  }

  /** What the signed zone far.test says. */
  sign(...records: ZoneRecord[]): void {
    this.world.system.publishSigned('far.test', [...domainAt('far.test', FAR_IP), ...records])
  }

  async serve(options: Partial<Omit<ServeOptions, 'hostName'>>, host = this.far): Promise<void> {
    if (host === this.far) await this.#server?.close()
    const message = (mail: InboundMessage) => {
      this.taken.push(mail)
      return reply(250, '2.0.0', 'taken')
    }
    const server = await serveScript(this.world, host, { message }, options)
    if (host === this.far) this.#server = server
  }

  /** Anna writes to Carl, and ten minutes pass. */
  async send(): Promise<void> {
    await this.world.send(this.computer, 'sender', 'submission', { from: ANNA, to: CARL, login: ANNA })
    await this.world.passTime(10 * 60_000)
  }

  get results(): string[] {
    return [...new Set(this.attempts.map(({ policy, result }) => `${policy} ${result}`))]
  }

  get lastReply(): string {
    return this.world.agent('sender').store.queue.entries()[0]?.lastReply ?? ''
  }
}

const at = (host: string, data: TlsaRecord): ZoneRecord => ({
  name: `_25._tcp.${host}`,
  type: 'TLSA',
  ttlS: 60,
  data,
})
const own = ({ certificatePem }: TlsIdentity): TlsaRecord => ownTlsa(certificatePem)!
const anchor = (identity: TlsIdentity): TlsaRecord => ({ ...own(identity), usage: 2 })

describe('a host with signed TLSA records', () => {
  test('its own certificate is enough, whoever signed it', async () => {
    const { mail } = certificates
    const setting = await Setting.make(own(mail))
    await setting.serve({ identity: mail })
    await setting.send()
    assert.equal(setting.taken.length, 1)
    const policyLines = [tlsaText(own(mail))]
    const alike = { sendingIp: '', mx: '', ip: '', policyLines, mxHosts: ['mail.far.test'] }
    assert.deepEqual(setting.attempts, [{ policy: 'tlsa', result: 'success', ...alike }])
    const [transmitted] = setting.world.events('sender', 'transmitted')
    assert.equal(transmitted?.detail.tlsPolicy, 'DANE')
    assert.equal(transmitted?.detail.tlsResult, 'success')
  })

  for (const [what, offers, result] of [
    ['another certificate', () => ({ identity: certificates.other }), 'certificate-not-trusted'],
    ['no STARTTLS', () => ({}), 'starttls-not-supported'],
  ] as const)
    test(`${what}: nothing is said to it, the mail waits and says why, and goes when it is right`, async () => {
      const setting = await Setting.make(own(certificates.mail))
      await setting.serve(offers())
      await setting.send()
      assert.equal(setting.taken.length, 0)
      assert.deepEqual(setting.results, [`tlsa ${result}`])
      assert.match(setting.lastReply, new RegExp(`^451 4\\.7\\.5 mail\\.far\\.test .*DANE asks .*: ${result}`))
      await setting.serve({ identity: certificates.mail })
      await setting.world.passTime(2 * HOUR)
      assert.equal(setting.taken.length, 1)
    })

  test('a trust anchor: who it signed for the host or for the domain is proven, and nobody else', async () => {
    const setting = await Setting.make(anchor(certificates.root))
    for (const name of ['signed', 'forDomain'] as const) {
      await setting.serve({ identity: certificates[name] })
      await setting.send()
    }
    assert.equal(setting.taken.length, 2)
    await setting.serve({ identity: await certificateFor(['mail.else.test'], { by: certificates.root }) })
    await setting.send()
    assert.equal(setting.taken.length, 2)
    assert.match(setting.lastReply, /certificate-host-mismatch/)
  })

  test('records that cannot be used: encryption is due, any certificate will do, and it is told', async () => {
    const setting = await Setting.make({ ...own(certificates.mail), usage: 1 })
    await setting.serve({})
    await setting.send()
    assert.deepEqual([setting.taken.length, setting.results], [0, ['tlsa starttls-not-supported']])
    await setting.serve({ identity: certificates.other })
    await setting.world.passTime(2 * HOUR)
    assert.equal(setting.taken.length, 1)
    assert.equal(setting.attempts.at(-1)?.result, 'tlsa-invalid')
  })

  test('an answer that does not come is not "none": the host is left alone until it does', async () => {
    const setting = await Setting.make()
    const name = '_25._tcp.mail.far.test'
    setting.sign({ name, type: 'CNAME', ttlS: 0, data: name })
    await setting.serve({ identity: certificates.mail })
    await setting.send()
    assert.equal(setting.taken.length, 0)
    assert.deepEqual(setting.results, ['tlsa dnssec-invalid'])
    assert.match(setting.lastReply, /^451 4\.7\.5 .*no answer from DNS for the TLSA records of mail\.far\.test/)
    setting.sign()
    await setting.world.passTime(2 * HOUR)
    assert.equal(setting.taken.length, 1)
  })

  test('of two hosts the one that proves itself gets it', async () => {
    const setting = await Setting.make()
    const second = setting.world.system.host('second', OTHER_IP)
    setting.sign(
      { name: 'far.test', type: 'MX', ttlS: 60, data: { preference: 20, exchange: 'second.far.test' } },
      { name: 'second.far.test', type: 'A', ttlS: 60, data: OTHER_IP },
      at('mail.far.test', own(certificates.other)),
      at('second.far.test', own(certificates.mail)),
    )
    await setting.serve({ identity: certificates.mail })
    await setting.serve({ identity: certificates.mail }, second)
    await setting.send()
    assert.equal(setting.taken.length, 1)
    assert.deepEqual(setting.results, ['tlsa certificate-not-trusted', 'tlsa success'])
    assert.equal(setting.world.events('sender', 'transmitted')[0]?.detail.host, 'second.far.test')
  })

  test('the end of its aliases speaks for it, and is the name that TLS asks for; else its own name', async () => {
    const alias: ZoneRecord[] = [
      { name: 'far.test', type: 'MX', ttlS: 60, data: { preference: 10, exchange: 'mx.far.test' } },
      { name: 'mx.far.test', type: 'CNAME', ttlS: 60, data: 'mail.far.test' },
      { name: 'mail.far.test', type: 'A', ttlS: 60, data: FAR_IP },
    ]
    for (const [records, serverName, taken] of [
      [[at('mail.far.test', own(certificates.mail)), at('mx.far.test', own(certificates.other))], 'mail.far.test', 1],
      [[at('mx.far.test', own(certificates.mail))], 'mx.far.test', 1],
      [[at('mail.far.test', own(certificates.other)), at('mx.far.test', own(certificates.mail))], undefined, 0],
    ] as const) {
      const setting = await Setting.make()
      setting.world.system.publishSigned('far.test', [...alias, ...records])
      await setting.serve({ identity: certificates.mail })
      await setting.send()
      assert.equal(setting.taken.length, taken)
      assert.equal(setting.taken[0]?.session.tls?.serverName, serverName)
    }
  })

  test('DANE goes before MTA-STS (RFC 8461 §2), whichever would be content', async () => {
    for (const [mx, record, taken] of [
      ['mail.elsewhere.test', certificates.mail, 1],
      ['mail.far.test', certificates.other, 0],
    ] as const) {
      const setting = await Setting.make(own(record))
      mock.method(setting.world.agent('sender').stsPolicies, 'policyFor', async () => ({
        policy: { mode: 'enforce', mx: [mx], maxAgeS: 86_400 },
        steps: [],
      }))
      Object.assign(setting.world.simulation, { trusted: [certificates.mail.certificatePem] })
      await setting.serve({ identity: certificates.mail })
      await setting.send()
      assert.equal(setting.taken.length, taken)
      assert.match(setting.results.join(), /^tlsa [a-z-]+$/)
    }
  })

  test('REQUIRETLS: the proof that it asks for (RFC 8689 §4.2.1)', async () => {
    const setting = await Setting.make(own(certificates.mail))
    await setting.serve({ identity: certificates.mail, requireTls: true })
    await setting.world.run(submitRequiringTls(setting))
    await setting.world.quiet()
    assert.equal(setting.taken[0]?.envelope.requireTls, true)
  })

  test('the domain’s report tells what failed, with the records as they were', async () => {
    const { mail, other } = certificates
    const setting = await Setting.make(own(mail))
    setting.sign(at('mail.far.test', own(mail)), {
      name: '_smtp._tls.far.test',
      type: 'TXT',
      ttlS: 60,
      data: 'v=TLSRPTv1; rua=mailto:tls@far.test',
    })
    await setting.serve({ identity: other })
    await setting.send()
    await setting.world.passTime(2 * DAY)
    // The report itself comes through: it is about just that (RFC 8460 §3).
    const [message] = setting.taken
    const found = parseReport(message!.source)
    assert.ok(found.kind === 'tls')
    const [policy] = found.report.policies
    assert.deepEqual([policy?.type, policy?.domain, policy?.mxHosts], ['tlsa', 'far.test', ['mail.far.test']])
    assert.deepEqual(policy?.policyLines, [tlsaText(own(mail))])
    assert.deepEqual([...new Set(policy?.failures.map((one) => one.resultType))], ['certificate-not-trusted'])
  })
})

test('our own record: what the description says is in DNS, fits the key at our door, and is heeded by others', async () => {
  const world = await TestSystem.start(`${TWO_AGENTS}\nsender: reports=yes\nrecipient: dane=yes\n`)
  world.system.agent('recipient').certify(certificates.other)
  const { records } = labZone([...world.system.agents.values()])
  const tlsa = records.filter(({ type }) => type === 'TLSA')
  assert.deepEqual(
    tlsa.map(({ name }) => name),
    ['_25._tcp.mail.recipient.test'],
  )
  world.system.publishSigned(
    'recipient.test',
    records.filter(({ name }) => /(^|\.)recipient\.test$/.test(name)),
  )
  await world.submit('bob@recipient.test')
  await world.quiet()
  assert.equal(world.events('sender', 'transmitted')[0]?.detail.tlsPolicy, 'DANE')
  assert.equal((await world.mail('recipient', 'bob@recipient.test')).length, 1)
})

describe('what is not signed says nothing', () => {
  test('TLSA records, or what leads to the host, that nobody vouches for are as none', async () => {
    const wrong = at('mail.far.test', own(certificates.other))
    const host: ZoneRecord = { name: 'mail.hosts.test', type: 'A', ttlS: 60, data: FAR_IP }
    const mx = (exchange: string): ZoneRecord => ({
      name: 'far.test',
      type: 'MX',
      ttlS: 60,
      data: { preference: 1, exchange },
    })
    const settings: ((setting: Setting) => void)[] = [
      // Everything is there, nothing is signed.
      ({ world }) => world.publish([...domainAt('far.test', FAR_IP), wrong]),
      // The MX is not signed, its host is.
      ({ world }) => {
        world.publish([mx('mail.hosts.test')])
        world.system.publishSigned('hosts.test', [host, at('mail.hosts.test', own(certificates.other))])
      },
      // The MX is signed, its host is not.
      ({ world }) => {
        world.publish([host, at('mail.hosts.test', own(certificates.other))])
        world.system.publishSigned('far.test', [mx('mail.hosts.test')])
      },
    ]
    for (const [i, arrange] of settings.entries()) {
      const setting = await Setting.make()
      if (i < 2) setting.world.system.withdraw('far.test')
      arrange(setting)
      await setting.serve({ identity: certificates.mail })
      await setting.send()
      assert.deepEqual([setting.taken.length, setting.results], [1, ['no-policy-found success']])
    }
  })

  test('an alias that is signed speaks for a host that is not', async () => {
    const setting = await Setting.make()
    const host: ZoneRecord = { name: 'mail.hosts.test', type: 'A', ttlS: 60, data: FAR_IP }
    setting.world.publish([host, at('mail.hosts.test', own(certificates.other))])
    setting.world.system.publishSigned('far.test', [
      { name: 'far.test', type: 'MX', ttlS: 60, data: { preference: 1, exchange: 'mx.far.test' } },
      { name: 'mx.far.test', type: 'CNAME', ttlS: 60, data: 'mail.hosts.test' },
      at('mx.far.test', own(certificates.mail)),
    ])
    await setting.serve({ identity: certificates.mail })
    await setting.send()
    assert.deepEqual([setting.taken.length, setting.results], [1, ['tlsa success']])
  })
})

async function submitRequiringTls({ world, computer }: Setting): Promise<void> {
  const { network, clock, cpu, random } = computer.world
  const connection = await SmtpConnection.open({
    network,
    clock,
    endpoint: world.system.agent('sender').endpoint('submission')!,
    serverName: 'mail.sender.test',
    heloName: 'computer.test',
    tls: 'required',
    login: { user: ANNA, password: 'demo', cpu, random },
  })
  assert.ok(connection instanceof SmtpConnection)
  connection.isProven = true
  const result = await connection.send({
    envelope: {
      reversePath: reversePathOf(ANNA),
      recipients: [{ forwardPath: forwardPathOf(CARL) }],
      body: '7BIT',
      smtputf8: false,
      requireTls: true,
    },
    message: Buffer.from(`From: ${ANNA}\r\nTo: ${CARL}\r\nSubject: hello\r\n\r\nHello\r\n`),
  })
  assert.equal(result.recipients[0]?.state, 'accepted')
  await connection.quit()
}
