// What an Author may ask for beside the message, from the MSA through the Transmitter: held mail (RFC 4865), notices
// (RFC 3461), proven TLS all the way (RFC 8689), importance (RFC 6710).

import assert from 'node:assert/strict'
import { before, describe, mock, test } from 'node:test'
import type { InboundMessage } from '../../protocols/smtp/policy.ts'
import { type Reply, reply } from '../../protocols/smtp/reply.ts'
import type { ServeOptions } from '../../protocols/smtp/serve.ts'
import { domainAt, serveScript, TestSystem, TWO_AGENTS } from '../../system/testing.ts'
import type { TlsIdentity } from '../../world/network.ts'
import { realKeymaker } from '../../world/real/keymaker.ts'
import type { SimulatedHost } from '../../world/simulated/host.ts'

const ANNA = 'anna@sender.test'
const ALICE = 'alice@sender.test'
const CARL = 'carl@far.test'
const FAR_IP = '127.0.50.1'
const HOUR = 3_600_000
const TAKEN = reply(250, '2.0.0', 'taken')
const LATER = reply(451, '4.2.0', 'come back later')
const NEVER = reply(550, '5.1.1', 'no Carl here')
const WITH_ALICE = `${TWO_AGENTS}
Author@alice ==> MSA/Transmitter@sender --> / --> Receiver/MDA@recipient
alice: address=${ALICE}, name="Alice", password=demo
`

let identity: TlsIdentity
before(async () => {
  identity = await realKeymaker.tlsIdentity(['mail.far.test'])
})

class Setting {
  readonly world: TestSystem
  readonly taken: InboundMessage[] = []
  readonly #computer: SimulatedHost

  private constructor(world: TestSystem) {
    this.world = world
    this.#computer = world.stranger('127.0.99.1')
  }

  /** far.test answers one message after another, the last answer for ever. */
  static async make(
    answers: readonly Reply[] = [TAKEN],
    offers: Partial<ServeOptions> = {},
    more = '',
  ): Promise<Setting> {
    const world = await TestSystem.start(`${WITH_ALICE}${more}\n`, { trusted: [identity.certificatePem] })
    const setting = new Setting(world)
    const far = world.stranger(FAR_IP, domainAt('far.test', FAR_IP))
    let count = 0
    const message = (arrived: InboundMessage) => {
      const answer = answers[Math.min(count++, answers.length - 1)]!
      if (answer.code < 400) setting.taken.push(arrived)
      return answer
    }
    await serveScript(world, far, { message }, offers)
    return setting
  }

  /** Anna submits; the last reply. */
  async submit(mailParameters: string, recipients: readonly string[], header = ''): Promise<string> {
    const login = Buffer.from(`\0${ANNA}\0demo`).toString('base64')
    const { said } = await this.talk([
      ...['EHLO x', `AUTH PLAIN ${login}`, `MAIL FROM:<${ANNA}> ${mailParameters}`.trim()],
      ...recipients.map((recipient) => `RCPT TO:${recipient}`),
      ...['DATA', `From: ${ANNA}\r\nSubject: asked\r\n${header}\r\nThe content.\r\n.`],
    ])
    return said.at(-1)!
  }

  /** Says one after another over TLS, until something is refused; what was heard. Bytes are said as they are. */
  talk(
    lines: readonly (string | Buffer)[],
    service: 'submissions' | 'imaps' = 'submissions',
  ): Promise<{ said: string[] }> {
    const { network } = this.#computer.world
    const tls = { role: 'client', serverName: 'mail.sender.test', mustAuthenticate: false } as const
    const dialogue = async () => {
      const endpoint = this.world.system.agent('sender').endpoint(service)!
      const stream = await network.connect(endpoint, { timeoutMs: 1000, tls })
      const hear = async () => Buffer.from((await stream.read(5000)) ?? '').toString('latin1')
      const said = [await hear()]
      for (const line of lines) {
        await stream.write(typeof line === 'string' ? Buffer.from(`${line}\r\n`) : line)
        said.push(await hear())
        if (/^[45]/.test(said.at(-1)!)) break
      }
      stream.destroy()
      return { said }
    }
    return this.world.run(dialogue())
  }

  async reports(): Promise<string[]> {
    return (await this.world.mail('sender', ANNA)).map(({ text }) => text)
  }
}

describe('FUTURERELEASE', () => {
  test('held mail leaves when its time has come, elsewhere and here', async () => {
    const setting = await Setting.make()
    const startMs = setting.world.agent('sender').world.clock.now()
    assert.match(await setting.submit('HOLDFOR=7200', [`<${CARL}>`, `<${ALICE}>`]), /^250 2\.0\.0/)
    await setting.world.passTime(HOUR)
    assert.equal(setting.taken.length + (await setting.world.mail('sender', ALICE)).length, 0)
    await setting.world.passTime(HOUR + 120_000)
    assert.equal(setting.taken.length, 1)
    assert.equal((await setting.world.mail('sender', ALICE)).length, 1)
    const until = new Date(startMs + 5 * HOUR).toISOString()
    assert.match(await setting.submit(`HOLDUNTIL=${until}`, [`<${CARL}>`]), /^250 2\.0\.0/)
    await setting.world.passTime(2 * HOUR)
    assert.equal(setting.taken.length, 1)
    await setting.world.passTime(HOUR + 120_000)
    assert.equal(setting.taken.length, 2)
  })

  test('not longer than was told; a time that has passed is now', async () => {
    const setting = await Setting.make()
    assert.match(await setting.submit('HOLDFOR=99999999', [`<${CARL}>`]), /^501 5\.5\.4 mail is held for at most/)
    assert.match(await setting.submit('HOLDUNTIL=2099-01-01T00:00:00Z', [`<${CARL}>`]), /^501 5\.5\.4/)
    assert.match(await setting.submit('HOLDUNTIL=2001-01-01T00:00:00Z', [`<${CARL}>`]), /^250 2\.0\.0/)
    await setting.world.passTime(60_000)
    assert.equal(setting.taken.length, 1)
  })
})

describe('DSN', () => {
  const wish = `<${CARL}> NOTIFY=SUCCESS,DELAY ORCPT=RFC822;Carl+2B1@old.test`

  test('the next hop that gives notices hears of the wishes, and we say nothing', async () => {
    const setting = await Setting.make([TAKEN], { dsn: true })
    await setting.submit('RET=HDRS ENVID=QQ+2B314159', [wish])
    await setting.world.quiet()
    const { ret, envid, recipients } = setting.taken[0]!.envelope
    assert.deepEqual([ret, envid], ['HDRS', 'QQ+314159'])
    const [{ notify, orcpt }] = recipients as [InboundMessage['envelope']['recipients'][number]]
    assert.deepEqual([notify, orcpt], [['SUCCESS', 'DELAY'], { type: 'RFC822', address: 'Carl+1@old.test' }])
    assert.deepEqual(await setting.reports(), [])
  })

  test('one that does not: we tell that it was handed on', async () => {
    const setting = await Setting.make()
    await setting.submit('ENVID=314159', [wish, `<cora@far.test>`])
    await setting.world.quiet()
    const reports = await setting.reports()
    assert.equal(reports.length, 1)
    for (const field of [
      /^Return-Path: <>\r$/m,
      /^Original-Envelope-Id: 314159\r$/m,
      /^Original-Recipient: RFC822;\s?Carl\+1@old\.test\r$/m,
      /^Final-Recipient: rfc822; carl@far\.test\r$/m,
      /^Action: relayed\r$/m,
      /^Status: 2\./m,
    ])
      assert.match(reports[0]!, field)
    assert.doesNotMatch(reports[0]!, /cora@far\.test|The content/)
  })

  test('delivered here, at once and after it was held', async () => {
    for (const hold of ['', 'HOLDFOR=600']) {
      const setting = await Setting.make()
      await setting.submit(hold, [`<${ALICE}> NOTIFY=SUCCESS`])
      await setting.world.quiet()
      const reports = await setting.reports()
      assert.equal(reports.length, 1, hold)
      assert.match(reports[0]!, /^Action: delivered\r$/m)
      assert.match(reports[0]!, /^Final-Recipient: rfc822; alice@sender\.test\r$/m)
    }
  })

  const GROUP = `sender: group="all@sender.test: ${ANNA} ${ALICE}"`

  test('a group is told of as expanded, once, and its members get one copy each, at once and after it was held (§5.2.7.3)', async () => {
    for (const hold of ['', 'HOLDFOR=600']) {
      const setting = await Setting.make([TAKEN], {}, GROUP)
      assert.match(await setting.submit(hold, ['<all@sender.test> NOTIFY=SUCCESS,FAILURE']), /^250/)
      await setting.world.quiet()
      const [reports, copies] = [[] as string[], [] as string[]]
      for (const text of await setting.reports()) (/^Action: /m.test(text) ? reports : copies).push(text)
      assert.equal(copies.length, 1, hold)
      assert.equal((await setting.world.mail('sender', ALICE)).length, 1, hold)
      assert.equal(reports.length, 1, hold)
      assert.match(reports[0]!, /^Final-Recipient: rfc822; all@sender\.test\r\nAction: expanded\r\nStatus: 2\./m)
      assert.doesNotMatch(reports[0]!, /alice@/)
    }
  })

  test('late: told after four hours, then each day, and then what became of it', async () => {
    const setting = await Setting.make([LATER])
    await setting.submit('', [`<${CARL}> NOTIFY=DELAY,FAILURE`, `<cora@far.test> NOTIFY=FAILURE`])
    await setting.world.passTime(2 * HOUR)
    assert.deepEqual(await setting.reports(), [])
    await setting.world.passTime(10 * HOUR)
    const [late, ...none] = await setting.reports()
    assert.deepEqual(none, [])
    assert.match(late!, /^Action: delayed\r$/m)
    assert.match(late!, /^Diagnostic-Code: smtp; 451 4\.2\.0 come back later\r$/m)
    assert.doesNotMatch(late!, /cora@far\.test/)
    await setting.world.quiet()
    const actions = (await setting.reports()).map((report) => /^Action: (\w+)/m.exec(report)![1])
    assert.deepEqual(actions, [...Array(actions.length - 1).fill('delayed'), 'failed'])
    assert.ok(actions.length >= 5 && actions.length <= 7, `${actions.length} reports in five days`)
  })

  test('NEVER is silence, and RET=HDRS keeps the content back', async () => {
    const setting = await Setting.make([NEVER])
    await setting.submit('RET=HDRS', [`<${CARL}>`])
    await setting.submit('', [`<${CARL}> NOTIFY=NEVER`])
    await setting.world.quiet()
    const reports = await setting.reports()
    assert.equal(reports.length, 1)
    assert.doesNotMatch(reports[0]!, /The content/)
  })
})

describe('REQUIRETLS', () => {
  const vouch = (setting: Setting, mx = 'mail.far.test') =>
    mock.method(setting.world.agent('sender').stsPolicies, 'policyFor', async () => ({
      policy: { mode: 'testing', mx: [mx], maxAgeS: 86_400 },
      steps: [],
    }))

  test('to a proven host that hands the demand on, and only there', async () => {
    const setting = await Setting.make([TAKEN], { identity, requireTls: true })
    vouch(setting)
    assert.match(await setting.submit('REQUIRETLS', [`<${CARL}>`]), /^250/)
    await setting.world.quiet()
    assert.equal(setting.taken[0]?.envelope.requireTls, true)
    assert.equal(setting.taken[0]?.session.protocol, 'ESMTPS')
  })

  for (const [what, offers, mx, code] of [
    ['a host that does not know REQUIRETLS', () => ({ identity }), 'mail.far.test', /550 5\.7\.30/],
    [
      "no policy that says which hosts are the domain's",
      () => ({ identity, requireTls: true }),
      undefined,
      /550 5\.7\.10/,
    ],
  ] as const)
    test(`${what}: it comes back, without its content`, async () => {
      const setting = await Setting.make([TAKEN], offers())
      if (mx !== undefined) vouch(setting, mx)
      await setting.submit('REQUIRETLS', [`<${CARL}>`])
      await setting.world.quiet()
      assert.equal(setting.taken.length, 0)
      const [report, ...none] = await setting.reports()
      assert.deepEqual(none, [])
      assert.match(report!, code)
      assert.doesNotMatch(report!, /The content/)
    })

  test('a host that does not prove itself, or that the policy does not name: it waits, and nothing is said to it', async () => {
    for (const [offers, mx] of [
      [{}, 'mail.far.test'],
      [{ identity: await realKeymaker.tlsIdentity(['mail.far.test']), requireTls: true }, 'mail.far.test'],
      [{ identity, requireTls: true }, 'mail.elsewhere.test'],
    ] as const) {
      const setting = await Setting.make([TAKEN], offers)
      vouch(setting, mx)
      await setting.submit('REQUIRETLS', [`<${CARL}>`])
      await setting.world.passTime(HOUR)
      assert.equal(setting.taken.length, 0)
      const [entry] = setting.world.agent('sender').store.queue.entries()
      assert.match(entry!.lastReply, /^4\d\d 4\.7\.5/)
      assert.equal(entry!.parameters.requireTls, true)
    }
  })

  test('a bounce of it demands the same', async () => {
    const setting = await Setting.make([NEVER], { identity, requireTls: true })
    vouch(setting)
    // A mailbox that is not here any more: its bounce has to travel.
    const { agent } = setting.world.system.agent('sender')
    await setting.submit('REQUIRETLS', [`<${CARL}>`])
    const [entry] = agent.store.queue.entries()
    assert.equal(entry!.parameters.requireTls, true)
    const { returnToSender } = await import('../transmitter/bounce.ts')
    const given = { entry: { ...entry!, reversePath: 'dora@far.test' }, reply: NEVER, by: '', expired: false }
    const commands = await setting.world.run(returnToSender(agent, [given]))
    const added = commands.find(({ kind }) => kind === 'queue.add') as { entry: { parameters: object } }
    assert.deepEqual(added.entry.parameters, { requireTls: true })
  })

  test('a bounce of it is not lost where nothing proves the host, or nobody hands the demand on (RFC 8689 §5)', async () => {
    const setting = await Setting.make([TAKEN], { identity })
    const { agent } = setting.world.system.agent('sender')
    await setting.submit('REQUIRETLS', [`<dora@nowhere.test>`])
    const [entry] = agent.store.queue.entries()
    const { returnToSender } = await import('../transmitter/bounce.ts')
    const given = { entry: { ...entry!, reversePath: CARL }, reply: NEVER, by: '', expired: false }
    await setting.world.run(returnToSender(agent, [given]).then((commands) => agent.store.commit(commands)))
    await setting.world.quiet()
    const [bounce] = setting.taken
    assert.deepEqual([bounce!.envelope.reversePath.type, bounce!.envelope.requireTls], ['null', undefined])
    assert.doesNotMatch(bounce!.source.toString(), /The content/)
  })

  test('TLS-Required: No sends it even where the policy is not kept (RFC 8689 §3)', async () => {
    const enforce = (setting: Setting) =>
      mock.method(setting.world.agent('sender').stsPolicies, 'policyFor', async () => ({
        policy: { mode: 'enforce', mx: ['mail.far.test'], maxAgeS: 86_400 },
        steps: [],
      }))
    for (const [header, count] of [
      ['TLS-Required: No\r\n', 1],
      ['TLS-Required: maybe\r\n', 0],
      ['', 0],
    ] as const) {
      const setting = await Setting.make()
      enforce(setting)
      await setting.submit('', [`<${CARL}>`], header)
      await setting.world.passTime(60_000)
      assert.equal(setting.taken.length, count, header)
    }
  })
})

describe('BINARYMIME', () => {
  const session = async (lines: readonly (string | Buffer)[]) => {
    const setting = await Setting.make()
    const login = Buffer.from(`\0${ANNA}\0demo`).toString('base64')
    const { said } = await setting.talk(['EHLO x', `AUTH PLAIN ${login}`, ...lines])
    return { setting, said }
  }
  const bdat = (text: Buffer) => Buffer.concat([Buffer.from(`BDAT ${text.length} LAST\r\n`), text])
  const picture = Buffer.from([0, 13, 1, 10, 255, 13, 10, 46, 13, 10])
  const message = Buffer.concat([
    Buffer.from(
      `From: ${ANNA}\r\nSubject: seen\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: binary\r\n\r\n`,
    ),
    picture,
  ])

  test('is taken by BDAT, and leaves as base64 that is signed', async () => {
    const lines = [`MAIL FROM:<${ANNA}> BODY=BINARYMIME`, `RCPT TO:<${CARL}>`, bdat(message)]
    const { setting, said } = await session(lines)
    assert.match(said[1]!, /^250-BINARYMIME\r$/m)
    assert.match(said.at(-1)!, /^250 2\.0\.0 accepted/)
    await setting.world.quiet()
    const source = setting.taken[0]!.source.toString('latin1')
    assert.match(source, /^Content-Transfer-Encoding: base64\r$/m)
    assert.match(source, /^DKIM-Signature: /m)
    assert.ok(source.endsWith(`\r\n\r\n${picture.toString('base64')}\r\n`))
  })

  test('not by DATA, and bare line ends outside of binary parts are refused', async () => {
    const byData = await session([`MAIL FROM:<${ANNA}> BODY=BINARYMIME`, `RCPT TO:<${CARL}>`, 'DATA'])
    assert.match(byData.said.at(-1)!, /^503 5\.5\.1 what is BINARYMIME comes with BDAT/)
    const bare = Buffer.from(`From: ${ANNA}\r\n\r\nbare\nline\r\n`)
    for (const parameters of ['BODY=BINARYMIME', '']) {
      const { said } = await session([`MAIL FROM:<${ANNA}> ${parameters}`.trim(), `RCPT TO:<${CARL}>`, bdat(bare)])
      assert.match(said.at(-1)!, /^550 5\.6\.0/)
    }
  })
})

describe('BURL (RFC 4468)', () => {
  test('a message of the own mailbox is sent without being fetched; of others, and changed URLs, nothing', async () => {
    const setting = await Setting.make()
    const kept = `Content-Type: text/plain; charset=us-ascii\r\n\r\nFrom the mailbox.\r\n.dot\r\n`
    const sign = async (author: string, access: string) => {
      const rump = `imap://${author.replace('@', '%40')}@mail.sender.test/INBOX/;UID=1;URLAUTH=${access}`
      const lines = [`a LOGIN ${author} demo`, `b APPEND INBOX {${kept.length}+}\r\n${kept}`]
      const { said } = await setting.talk([...lines, `c GENURLAUTH "${rump}" INTERNAL`], 'imaps')
      return /GENURLAUTH "(.*)"/.exec(said.at(-1)!)![1]!
    }
    const own = await sign(ANNA, 'submit+anna')
    const header = `From: ${ANNA}\r\nSubject: burl\r\n`
    const login = Buffer.from(`\0${ANNA}\0demo`).toString('base64')
    const begin = [`AUTH PLAIN ${login}`, `MAIL FROM:<${ANNA}>`, `RCPT TO:<${CARL}>`]
    const mail = (url: string) =>
      setting.talk(['EHLO x', ...begin, `BDAT ${header.length}\r\n${header}`.slice(0, -2), `BURL ${url} LAST`])
    const { said } = await mail(own)
    assert.match(said[1]!, /^250-BURL imap\r$/m)
    assert.match(said.at(-1)!, /^250 2\.0\.0 accepted/)
    for (const url of [
      own.replace('UID=1', 'UID=2'),
      own.replace(/.$/, (digit) => (digit === '0' ? '1' : '0')),
      await sign(ANNA, 'authuser'),
      await sign(ALICE, 'submit+alice'),
      'imap://x/INBOX/;UID=1',
      'http://127.0.0.1/',
    ])
      assert.match((await mail(url)).said.at(-1)!, /^554 5\.6\.6 /, url)
    await setting.world.quiet()
    assert.equal(setting.taken.length, 1)
    const source = setting.taken[0]!.source.toString('latin1')
    assert.ok(source.endsWith(`${header}${kept}`))
    assert.match(source, /^DKIM-Signature: /m)
  })
})

describe('DELIVERBY (RFC 2852)', () => {
  const actions = async (setting: Setting) =>
    (await setting.reports()).map((report) => /^Action: (\w+)/m.exec(report)![1])

  test('the next hop hears what is left of the time', async () => {
    const setting = await Setting.make([LATER, TAKEN], { deliverByS: 120 })
    await setting.submit('BY=7200;R', [`<${CARL}>`])
    await setting.world.quiet()
    const { deliverBy } = setting.taken[0]!.envelope
    assert.equal(deliverBy?.mode, 'return')
    assert.ok(deliverBy!.byS < 7200 && deliverBy!.byS > 120, String(deliverBy?.byS))
    assert.deepEqual(await setting.reports(), [])
    // Held mail has the same time: what must leave later than it must be there is refused (RFC 4865 §5.2.2).
    assert.match(await setting.submit('BY=600;NT HOLDFOR=3600', [`<${CARL}>`]), /^501 5\.5\.4 it is to leave later/)
    await setting.submit('BY=4200;NT HOLDFOR=3600', [`<${CARL}>`])
    await setting.world.passTime(HOUR + 60_000)
    const traced = setting.taken[1]!.envelope.deliverBy!
    assert.ok(traced.byS < 601 && traced.byS > 500 && traced.mode === 'notify' && traced.trace, JSON.stringify(traced))
    const [told, ...none] = await setting.reports()
    assert.deepEqual(none, [])
    assert.match(told!, /^Action: relayed\r$/m)
    assert.match(told!, /^Arrival-Date: .*\r\nDeliver-By-Date: .*\r\nFuture-Release-Request: for;3600\r$/m)
  })

  test('R: returned when its time is over, and not a second later handed on', async () => {
    const setting = await Setting.make([LATER], { deliverByS: 60 })
    await setting.submit('BY=1800;R', [`<${CARL}>`])
    await setting.world.passTime(29 * 60_000)
    assert.deepEqual(await setting.reports(), [])
    await setting.world.passTime(32 * 60_000)
    const [report, ...none] = await setting.reports()
    assert.deepEqual(none, [])
    assert.match(report!, /^Action: failed\r$/m)
    assert.match(report!, /^Status: 5\.4\.7\r$/m)
    assert.equal([...setting.world.agent('sender').store.queue.entries()].length, 0)
  })

  test('R: not to a host that does not heed it, or that wants more time than is left', async () => {
    for (const [offers, status] of [
      [{}, /^Status: 5\.3\.3\r$/m],
      [{ deliverByS: 900 }, /^Status: 5\.4\.7\r$/m],
    ] as const) {
      const setting = await Setting.make([TAKEN], offers)
      await setting.submit('BY=600;R', [`<${CARL}>`])
      await setting.world.quiet()
      assert.equal(setting.taken.length, 0)
      const [report] = await setting.reports()
      assert.match(report!, status)
    }
  })

  test('N: told once that it is late, and delivered all the same; handed on to who knows no times, it is told, too', async () => {
    const setting = await Setting.make([LATER, LATER, LATER, LATER, LATER, LATER, TAKEN], { deliverByS: 60 })
    await setting.submit('BY=600;N', [`<${CARL}>`])
    await setting.world.passTime(9 * 60_000)
    assert.deepEqual(await setting.reports(), [])
    await setting.world.passTime(31 * 60_000)
    assert.deepEqual(await actions(setting), ['delayed'])
    assert.match((await setting.reports())[0]!, /^Status: 4\.4\.7\r$/m)
    await setting.world.quiet()
    assert.equal(setting.taken.length, 1)
    assert.deepEqual(await actions(setting), ['delayed'])
    assert.ok(setting.taken[0]!.envelope.deliverBy!.byS < 0)

    const old = await Setting.make([TAKEN])
    await old.submit('BY=600;N', [`<${CARL}>`])
    await old.submit('BY=600;N', [`<${CARL}> NOTIFY=NEVER`])
    await old.world.quiet()
    assert.equal(old.taken.length, 2)
    assert.deepEqual(await actions(old), ['relayed'])
  })

  test('N: who gives notices and heeds no times is asked to tell of the delay', async () => {
    const setting = await Setting.make([TAKEN], { dsn: true })
    const wishes = ['', ' NOTIFY=SUCCESS', ' NOTIFY=DELAY,FAILURE', ' NOTIFY=NEVER']
    await setting.submit(
      'BY=600;N',
      wishes.map((wish, n) => `<carl${n}@far.test>${wish}`),
    )
    await setting.world.quiet()
    assert.deepEqual(
      setting.taken[0]!.envelope.recipients.map(({ notify }) => notify),
      [['FAILURE', 'DELAY'], ['SUCCESS', 'DELAY'], ['DELAY', 'FAILURE'], []],
    )
    assert.deepEqual(await actions(setting), ['relayed'])
    const heeds = await Setting.make([TAKEN], { dsn: true, deliverByS: 60 })
    await heeds.submit('BY=600;N', [`<${CARL}>`])
    await heeds.world.quiet()
    assert.equal(heeds.taken[0]!.envelope.recipients[0]!.notify, undefined)
  })

  test('times that are none, or too short, are refused', async () => {
    const setting = await Setting.make()
    for (const by of [
      'BY=600',
      'BY=600;X',
      'BY=;R',
      'BY=-5;R',
      'BY=0;R',
      'BY=1234567890;N',
      'BY=+-1;N',
      'BY=1;N BY=1;N',
    ])
      assert.match(await setting.submit(by, [`<${CARL}>`]), /^501 5\.5\.4/, by)
    assert.match(await setting.submit('BY=59;R', [`<${CARL}>`]), /^555 5\.5\.4/)
    for (const by of ['BY=60;R', 'BY=-5;N', 'by=10;nt', 'BY=+60;R'])
      assert.match(await setting.submit(by, [`<${CARL}>`]), /^250/, by)
  })
})

describe('sending identities', () => {
  const LENT = `anna: may-send-as=all@sender.test, may-send-as=shop.test
sender: group="all@sender.test: ${ANNA} ${ALICE}"`

  test('a group, and a domain, as the description lends them; nobody else', async () => {
    const setting = await Setting.make([TAKEN], {}, LENT)
    for (const [author, from, code] of [
      [ANNA, 'all@sender.test', /^250 2\.0\.0/],
      [ANNA, 'Sales@SHOP.test', /^250 2\.0\.0/],
      [ANNA, ALICE, /^553 5\.7\.1/],
      [ANNA, 'a@deep.shop.test', /^553 5\.7\.1/],
      [ALICE, 'all@sender.test', /^553 5\.7\.1/],
    ] as const) {
      const login = Buffer.from(`\0${author}\0demo`).toString('base64')
      const lines = [`MAIL FROM:<${from}>`, `RCPT TO:<${CARL}>`, 'DATA', `From: ${from}\r\n\r\nlent\r\n.`]
      const { said } = await setting.talk(['EHLO x', `AUTH PLAIN ${login}`, ...lines])
      assert.match(said.at(-1)!, code, `${author} as ${from}`)
    }
    await setting.world.quiet()
    assert.equal(setting.taken.length, 2)
    // It is their own: nothing says that Anna sent it on.
    for (const { source } of setting.taken) assert.doesNotMatch(source.toString(), /anna|Resent-From/i)
  })
})

describe('MT-PRIORITY', () => {
  test('of what waits for the same place the more important goes first, and the next hop hears of it', async () => {
    const setting = await Setting.make([TAKEN], { priority: true })
    const { agent } = setting.world.system.agent('sender')
    // One connection after another, and all are due at once.
    Object.assign(agent.settings.transmitter, { connectionsPerDestination: 1 })
    const until = new Date(agent.world.clock.now() + HOUR).toISOString()
    for (const wish of ['', 'MT-PRIORITY=-3', 'MT-PRIORITY=5', 'MT-PRIORITY=2'])
      await setting.submit(`${wish} HOLDUNTIL=${until}`.trim(), [`<${CARL}>`])
    await setting.world.quiet()
    const order = setting.taken.map(({ envelope }) => envelope.priority)
    assert.deepEqual(order, [5, 2, undefined, -3])
    // RFC 6710 §4.1: each hop notes it.
    assert.match(setting.taken[0]!.source.toString(), /^Received: [^:]*PRIORITY 5;/m)
  })
})
