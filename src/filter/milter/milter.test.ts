// Our side of the milter protocol against a scripted milter, in bytes and over the simulated network, and against the
// real rspamd where it is installed.

import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { replyText } from '../../protocols/smtp/reply.ts'
import type { Stream } from '../../world/network.ts'
import { RealNetwork } from '../../world/real/network.ts'
import { realClock } from '../../world/real/world.ts'
import { testWorld } from '../../world/testing.ts'
import { applyChanges } from './changes.ts'
import { askMilter } from './client.ts'
import { nulSeparated, type Packet, PacketReader, packet, STEPS, uint32 } from './packets.ts'
import { type MilterMail, MilterSession, type MilterVerdict } from './session.ts'

const mail: MilterMail = {
  ip: '192.0.2.7',
  port: 4096,
  helo: 'out.one.test',
  reversePath: 'alice@one.test',
  recipients: ['bob@two.test', 'eve@two.test'],
  source: Buffer.from('Subject: hello\r\n there\r\nX-Old:1\r\nX-Old: 2\r\n\r\nHi.\r\n'),
  hostName: 'mx.two.test',
  queueId: 'abc123',
}

/** The replies of a scripted milter, by the command they answer; 'c' for all others. */
type Script = Readonly<Record<string, readonly Buffer[] | ((nth: number) => readonly Buffer[])>>

const ANSWERED = 'CHMRTLNBE'
const negotiation = (steps = 0, version = 6) => packet('O', uint32(version, 0x1ff, steps))

/** Holds the conversation in memory; what the milter was told comes back as text. */
function converse(script: Script, { steps = 0, version = 6, about = mail } = {}) {
  const session = new MilterSession(about)
  const reader = new PacketReader()
  const told: Packet[] = []
  const counts = new Map<string, number>()
  reader.push(session.start())
  let verdict: MilterVerdict | undefined
  for (let one = reader.next(); one !== undefined; one = reader.next()) {
    assert.ok(one !== 'malformed')
    told.push(one)
    const nth = counts.get(one.command) ?? 0
    counts.set(one.command, nth + 1)
    const scripted = script[one.command]
    const answers =
      one.command === 'O'
        ? [negotiation(steps, version)]
        : typeof scripted === 'function'
          ? scripted(nth)
          : (scripted ?? (ANSWERED.includes(one.command) ? [packet('c')] : []))
    for (const answer of answers) {
      const output = session.receive(answer)
      reader.push(output.send)
      verdict ??= output.verdict
    }
  }
  return { told, verdict, said: told.map(({ command, data }) => `${command} ${data.toString('latin1')}`) }
}

describe('what the milter is told', () => {
  test('everything, in order, with its macros', () => {
    const { said, verdict } = converse({})
    assert.equal(verdict?.kind, 'accept')
    assert.deepEqual(
      said.filter((line) => !/^[DO]/.test(line)),
      [
        'C [192.0.2.7]\x004\x10\x00192.0.2.7\x00',
        'H out.one.test\x00',
        'M <alice@one.test>\x00',
        'R <bob@two.test>\x00',
        'R <eve@two.test>\x00',
        'T ',
        'L Subject\x00hello\n there\x00',
        'L X-Old\x001\x00',
        'L X-Old\x002\x00',
        'N ',
        'B Hi.\r\n',
        'E ',
        'Q ',
      ],
    )
    assert.ok(said.includes('D Mi\x00abc123\x00{mail_addr}\x00alice@one.test\x00'))
  })

  test('not what it does not want to hear, and nobody waits where it is silent', () => {
    const steps =
      STEPS.noConnect | STEPS.noHello | STEPS.noBody | STEPS.noData | STEPS.silentHeader | STEPS.leadingSpace
    const { said, verdict } = converse({ L: [] }, { steps })
    assert.equal(verdict?.kind, 'accept')
    assert.deepEqual(
      said.filter((line) => !/^[DO]/.test(line)).map((line) => line[0]),
      ['M', 'R', 'R', 'L', 'L', 'L', 'N', 'E', 'Q'],
    )
    assert.ok(said.includes('L Subject\x00 hello\n there\x00'))
  })

  test('a body in chunks, until it has seen enough', () => {
    const about = { ...mail, source: Buffer.concat([Buffer.from('A: b\r\n\r\n'), Buffer.alloc(200_000, 'x')]) }
    const whole = converse({}, { about })
    const sizes = whole.told.filter(({ command }) => command === 'B').map(({ data }) => data.length)
    assert.deepEqual(sizes, [65_535, 65_535, 65_535, 3395])
    const some = converse({ B: [packet('s')] }, { about })
    assert.equal(some.told.filter(({ command }) => command === 'B').length, 1)
    assert.equal(some.verdict?.kind, 'accept')
  })

  test('version 2 knows no DATA', () => {
    assert.ok(!converse({}, { version: 2 }).said.some((line) => line.startsWith('T')))
  })
})

describe('what it decides', () => {
  const outcome = (script: Script) => {
    const { verdict } = converse(script)
    return verdict && 'reply' in verdict ? `${verdict.kind} ${replyText(verdict.reply)}` : verdict?.kind
  }

  test('reject, tempfail, a reply of its own, discard: at any stage', () => {
    for (const stage of ['C', 'H', 'M', 'T', 'L', 'N', 'B', 'E']) {
      assert.match(outcome({ [stage]: [packet('r')] })!, /^refuse 550 5\.7\.1 /)
      assert.match(outcome({ [stage]: [packet('t')] })!, /^defer 451 4\.7\.1 /)
      assert.match(outcome({ [stage]: [packet('d')] })!, /^refuse 550 5\.7\.1 /)
      assert.equal(outcome({ [stage]: [packet('y', '554 5.7.1 Gtube\0')] }), 'refuse 554 5.7.1 Gtube')
      if (stage !== 'E') assert.equal(outcome({ [stage]: [packet('a')] }), 'accept')
    }
  })

  test('a reply that is none, or that lies about its class, is still a refusal', () => {
    for (const [text, wanted] of [
      ['250 ok', /^defer 451 /],
      ['', /^defer 451 /],
      ['550 4.7.1 odd', /^refuse 550 5\.7\.1 odd/],
      ['451 no enhanced code', /^defer 451 4\.7\.1 no enhanced code/],
      ['550-5.7.1 one\r\n550 5.7.1 two', /^refuse 550 5\.7\.1 one two/],
      ['550 5.7.1 a\x01b', /^refuse 550 5\.7\.1 a\?b/],
    ] as const)
      assert.match(outcome({ E: [packet('y', `${text}\0`)] })!, wanted)
  })

  test('one recipient refused is no refusal of the message; all are', () => {
    const one = converse({ R: (nth) => [nth === 0 ? packet('r') : packet('c')] }).verdict
    assert.ok(one?.kind === 'accept')
    assert.deepEqual([...one.refused.keys()], [0])
    assert.match(outcome({ R: [packet('r')] })!, /^refuse /)
    assert.match(outcome({ R: (nth) => [packet(nth === 0 ? 't' : 'r')] })!, /^defer /)
  })

  test('progress, then wishes, then the end', () => {
    const { verdict } = converse({
      E: [
        packet('p'),
        packet('h', 'X-Spam\0yes\0'),
        packet('i', uint32(0), 'X-Top\0first\0'),
        packet('m', uint32(2), 'X-Old\0\0'),
        packet('m', uint32(1), 'subject\0[SPAM] hello\0'),
        packet('q', 'too clever\0'),
        packet('+', '<mallory@bad.test>\0'),
        packet('b', 'New '),
        packet('b', 'body.\r\n'),
        packet('c'),
      ],
    })
    assert.ok(verdict?.kind === 'accept')
    assert.equal(verdict.quarantine, 'too clever')
    assert.deepEqual(verdict.ignored, ['add a recipient'])
    assert.equal(
      applyChanges(mail.source, verdict.changes).toString(),
      'X-Top: first\r\nsubject: [SPAM] hello\r\nX-Old:1\r\nX-Spam: yes\r\n\r\nNew body.\r\n',
    )
  })

  test('what it wishes before the end means nothing, and breaks the protocol', () => {
    assert.equal(outcome({ M: [packet('h', 'X-A\0b\0')] }), 'unavailable')
    assert.equal(outcome({ E: [packet('s')] }), 'unavailable')
    assert.equal(outcome({ C: [packet('Z')] }), 'unavailable')
    assert.equal(outcome({ C: [Buffer.from([0xff, 0xff, 0xff, 0xff, 0])] }), 'unavailable')
    assert.equal(converse({}, { version: 7 }).verdict?.kind, 'unavailable')
  })

  test('no bytes of a milter throw', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 20 }), fc.boolean(), (chunks, begun) => {
        const session = new MilterSession(mail)
        session.start()
        if (begun) session.receive(negotiation(STEPS.noHeader | STEPS.noBody))
        for (const chunk of chunks) session.receive(packet('hiymbeqcrtsap'[chunk.length % 13]!, chunk))
        for (const chunk of chunks) session.receive(chunk)
      }),
    )
  })
})

describe('changes to a message', () => {
  const changed = (...headers: Parameters<typeof applyChanges>[1]['headers']) =>
    applyChanges(mail.source, { headers }).toString().split('\r\n\r\n')[0]!.split('\r\n')

  test('text of strangers becomes no line of its own', () => {
    const value = 'x\r\nBcc: all\n\r\n\nevil\0\r\n.'
    assert.deepEqual(changed({ kind: 'insert', index: 0, name: 'X-A', value }).slice(0, 4), [
      'X-A: x',
      '\tBcc: all',
      '\tevil',
      '\t.',
    ])
    for (const name of ['Bad Name', 'X:', '', 'X\r\nY'])
      assert.equal(changed({ kind: 'add', name, value: 'v' }).length, 4)
  })

  test('what is not there: changed means added, removed means nothing', () => {
    assert.equal(changed({ kind: 'change', index: 9, name: 'X-Old', value: 'v' }).at(-1), 'X-Old: v')
    assert.equal(changed({ kind: 'change', index: 9, name: 'X-Old', value: '' }).length, 4)
    assert.equal(changed({ kind: 'insert', index: 99, name: 'X-New', value: 'v' }).at(-1), 'X-New: v')
  })

  test('a message without body, or without header', () => {
    const add = { headers: [{ kind: 'add', name: 'X-A', value: 'b' }] } as const
    assert.equal(applyChanges(Buffer.from('A: b\r\n'), add).toString(), 'A: b\r\nX-A: b\r\n')
    assert.equal(applyChanges(Buffer.from('\r\nbody'), add).toString(), 'X-A: b\r\n\r\nbody')
  })
})

describe('over the network', () => {
  const at = { address: '192.0.2.1', port: 11_332 }
  const asking = (play: (stream: Stream) => Promise<void>) => {
    const { world, run } = testWorld()
    return run(async () => {
      await world.network.listen(at, (stream) => void play(stream).catch(() => stream.destroy()))
      return askMilter(mail, { at, timeoutMs: 5000 }, world)
    })
  }

  test('a milter that answers is heard; one that is silent, vanishes or is absent is unavailable', async () => {
    const refused = await asking(async (stream) => {
      await stream.read()
      await stream.write(negotiation())
      await stream.read()
      await stream.write(packet('y', '550 5.7.1 no\0'))
      await stream.read()
    })
    assert.equal(refused.kind, 'refuse')
    assert.deepEqual(await asking(async () => {}), {
      kind: 'unavailable',
      reason: 'the milter did not decide within 5000 ms',
    })
    assert.equal((await asking(async (stream) => stream.destroy())).kind, 'unavailable')
    assert.equal((await asking(async (stream) => stream.end())).kind, 'unavailable')
    const { world, run } = testWorld()
    assert.equal((await run(askMilter(mail, { at, timeoutMs: 5000 }, world))).kind, 'unavailable')
  })
})

describe('the real rspamd as a milter', () => {
  test('passes an honest message, refuses GTUBE, adds its header', { timeout: 60_000 }, async (t) => {
    const rspamd = await startRspamd()
    if (rspamd === undefined) return t.skip('needs rspamd (Debian: rspamd)')
    try {
      const world = { network: new RealNetwork(), clock: realClock }
      const ask = (text: string) =>
        askMilter({ ...mail, source: Buffer.from(text) }, { at: { path: rspamd.socket }, timeoutMs: 20_000 }, world)
      const honest = 'From: alice@one.test\r\nTo: bob@two.test\r\nSubject: lunch\r\n\r\nAt one?\r\n'
      const accepted = await ask(honest)
      assert.equal(accepted.kind, 'accept', JSON.stringify(accepted))
      // Put together here, so that no filter finds it in this file.
      const gtube = ['XJS*C4JDBQADN1.NSBN3*2IDNEN', '*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X'].join('')
      const refused = await ask(`${honest}${gtube}\r\n`)
      assert.equal(refused.kind, 'refuse', JSON.stringify(refused))
      assert.match(refused.kind === 'refuse' ? replyText(refused.reply) : '', /^5\d\d 5\.7\.1 .*gtube/i)
    } finally {
      rspamd.stop()
    }
  })
})

/** rspamd with its proxy worker alone, scanning by itself, no network, no stored state. */
async function startRspamd(): Promise<{ socket: string; stop(): void } | undefined> {
  const program = ['/usr/bin/rspamd', '/usr/local/bin/rspamd'].find((path) => existsSync(path))
  if (program === undefined) return undefined
  const folder = mkdtempSync(join(tmpdir(), 'borderpost-rspamd-'))
  const socket = join(folder, 'milter.sock')
  // Compiling the whole list of top-level domains would take it half a minute.
  writeFileSync(join(folder, 'domains'), 'com\ntest\n')
  writeFileSync(
    join(folder, 'rspamd.conf'),
    `options { url_tld = "${folder}/domains"; pidfile = "${folder}/pid"; tempdir = "${folder}"; dns { nameserver = ["127.0.0.1:9"]; timeout = 0.1s; retransmits = 1; }
       control_socket = "${folder}/control.sock mode=0600"; filters = ""; }
     logging { type = "file"; filename = "${folder}/log"; level = "error"; }
     actions { reject = 15; add_header = 6; }
     worker "rspamd_proxy" { bind_socket = "${socket} mode=0666"; milter = yes; count = 1; timeout = 20s;
       upstream "local" { default = yes; self_scan = yes; } }`,
  )
  const child: ChildProcess = spawn(program, ['-f', '-i', '-c', join(folder, 'rspamd.conf')], { stdio: 'ignore' })
  const stop = () => {
    child.kill('SIGTERM')
    child.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  }
  for (let i = 0; i < 300 && !existsSync(socket); i++) await realClock.sleep(100)
  if (existsSync(socket)) return { socket, stop }
  let log = ''
  if (existsSync(join(folder, 'log'))) log = execFileSync('tail', ['-5', join(folder, 'log')]).toString()
  stop()
  throw new Error(`rspamd did not start: ${log}`)
}

test('texts of a packet end in NUL, the last one perhaps not', () => {
  assert.deepEqual(nulSeparated(Buffer.from('a\0b\0')), ['a', 'b'])
  assert.deepEqual(nulSeparated(Buffer.from('a\0\0b')), ['a', '', 'b'])
  assert.deepEqual(nulSeparated(Buffer.alloc(0)), [])
})
