// The driver's own defence, in the simulated world: PROXY headers, early talkers, pauses for faults, patience that ends.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Stream } from '../../world/network.ts'
import { testWorld } from '../../world/testing.ts'
import type { ConnectionControl, SessionFacts, SmtpServerPolicy } from './policy.ts'
import { reply } from './reply.ts'
import { type ServeOptions, serveSmtp } from './serve.ts'

const at = { address: '192.0.2.1', port: 25 }

/** A server, and `talk`: connects, says each text (after a pause where it is a number), gives all that was replied. */
function serving(options: Partial<ServeOptions>) {
  const { world, run } = testWorld()
  const welcomed: SessionFacts[] = []
  const connections: ConnectionControl[] = []
  const early: boolean[] = []
  const policy: SmtpServerPolicy = {
    connected: (facts, connection) => {
      connections.push(connection)
      welcomed.push({ ...facts })
      return undefined
    },
    hello: (_name, _extended, facts) => {
      early.push(facts.earlyTalker)
      return undefined
    },
    mail: () => undefined,
    recipient: () => reply(550, '5.1.1', 'no such mailbox'),
    message: () => reply(250, '2.0.0', 'ok'),
  }
  const faults: unknown[] = []
  const settings = { hostName: 'mx.test', onFault: (fault: unknown) => faults.push(fault), ...options }
  const listening = world.network.listen(at, (stream) => void serveSmtp(stream, policy, settings, world))
  const talk = (...said: (string | Buffer | number)[]) =>
    run(async () => {
      await listening
      const stream = await world.network.connect(at, { timeoutMs: 1000 })
      const began = world.clock.monotonic()
      const heard = hear(stream)
      for (const one of said) {
        if (typeof one === 'number') await world.clock.sleep(one)
        else await stream.write(Buffer.from(one)).catch(() => {})
      }
      return { text: await heard, tookMs: world.clock.monotonic() - began, welcomed, early, faults }
    })
  return { world, talk, connections }
}

async function hear(stream: Stream): Promise<string> {
  let text = ''
  try {
    for (let bytes = await stream.read(); bytes !== null; bytes = await stream.read()) text += Buffer.from(bytes)
  } catch {}
  stream.destroy()
  return text
}

const HEADER = 'PROXY TCP4 203.0.113.9 192.0.2.25 40000 25\r\n'

describe('PROXY header', () => {
  const proxyFrom = (address: string) => address === '192.0.2.1'

  test('from a trusted balancer: the session sees the real client, and knows when it spoke too early', async () => {
    const patient = await serving({ proxyFrom }).talk(HEADER, 500, 'QUIT\r\n')
    assert.deepEqual(patient.welcomed[0]!.peer, { address: '203.0.113.9', port: 40_000 })
    assert.deepEqual(patient.welcomed[0]!.local, { address: '192.0.2.25', port: 25 })
    assert.equal(patient.welcomed[0]!.earlyTalker, false)
    assert.match(patient.text, /^220 .*\r\n221 /)
    const hasty = await serving({ proxyFrom }).talk(`${HEADER}EHLO x\r\nQUIT\r\n`)
    assert.equal(hasty.welcomed[0]!.earlyTalker, true)
    assert.match(hasty.text, /^220 (.*\r\n)*221 /)
  })

  test('in pieces', async () => {
    const { welcomed } = await serving({ proxyFrom }).talk(
      'PRO',
      100,
      HEADER.slice(3, 20),
      100,
      HEADER.slice(20),
      'QUIT\r\n',
    )
    assert.equal(welcomed[0]!.peer.address, '203.0.113.9')
  })

  test('from anybody else: no SMTP, and the peer is who it is', async () => {
    for (const options of [{}, { proxyFrom: () => false }]) {
      const { text, welcomed } = await serving(options).talk(100, HEADER, 'QUIT\r\n')
      assert.equal(welcomed[0]!.peer.address, '192.0.2.1')
      assert.match(text, /^220 .*\r\n500 5\.5\.1 .*\r\n221 /)
    }
  })

  test('missing, malformed or late where it must come: not a word', async () => {
    for (const said of [
      ['EHLO x\r\nQUIT\r\n'],
      ['PROXY TCP4 nonsense\r\n'],
      ['PROXY', 10_000, HEADER.slice(5)],
      [60_000],
    ]) {
      const { text, welcomed, faults, tookMs } = await serving({ proxyFrom }).talk(...said)
      assert.equal(text, '')
      assert.deepEqual(welcomed, [])
      assert.deepEqual(faults, [])
      assert.ok(tookMs <= 60_010)
    }
  })
})

describe('before the greeting', () => {
  test('who waits is greeted after the pause; who does not is known for it', async () => {
    const options = { greetingPauseMs: () => 3000 }
    const patient = await serving(options).talk(3500, 'EHLO x\r\n', 100, 'QUIT\r\n')
    assert.deepEqual(patient.early, [false])
    assert.match(patient.text, /^220 (.*\r\n)*221 /)
    const hasty = await serving(options).talk(200, 'EHLO x\r\n', 100, 'QUIT\r\n')
    assert.deepEqual(hasty.early, [true])
    assert.ok(hasty.tookMs < 1000)
    assert.match(hasty.text, /^220 (.*\r\n)*221 /)
  })
})

test('XCLIENT and XFORWARD are words that nobody knows here', async () => {
  const { text, welcomed } = await serving({}).talk(
    'EHLO x\r\n',
    100,
    'XCLIENT ADDR=203.0.113.9\r\nXFORWARD NAME=a\r\nQUIT\r\n',
  )
  assert.match(text, /\r\n500 .*\r\n500 .*\r\n221 /)
  assert.equal(welcomed[0]!.peer.address, '192.0.2.1')
})

describe('pauses for faults', () => {
  test('replies to faults wait, each longer; nobody else does', async () => {
    const asked: number[] = []
    const faultPauseMs = (faults: number) => {
      asked.push(faults)
      return faults * 1000
    }
    const clean = await serving({ faultPauseMs }).talk('EHLO x\r\n', 'QUIT\r\n')
    assert.ok(clean.tookMs < 1000)
    assert.deepEqual(asked, [])
    const faulty = await serving({ faultPauseMs }).talk('EHLO x\r\n', 100, 'BAD\r\n', 2000, 'BAD\r\n', 3000, 'QUIT\r\n')
    assert.deepEqual(asked, [1, 2])
    assert.match(faulty.text, /\r\n500 .*\r\n500 .*\r\n221 /)
  })
})

describe('patience', () => {
  test('a server that gets busy loses patience with those that already wait', async () => {
    let commandMs = 300_000
    const { world, talk } = serving({ timeouts: () => ({ commandMs }) })
    world.clock.after(20_000, () => {
      commandMs = 10_000
    })
    const { text, tookMs } = await talk('EHLO x\r\n', 60_000)
    assert.match(text, /\r\n421 4\.4\.2 /)
    assert.ok(tookMs <= 60_010)
  })

  test('and while it is not, keeps it', async () => {
    const { talk } = serving({ timeouts: () => ({ commandMs: 300_000 }) })
    const { text } = await talk('EHLO x\r\n', 299_000, 'QUIT\r\n')
    assert.match(text, /\r\n221 /)
  })

  test('a message that drips has its own end', async () => {
    const { talk } = serving({ timeouts: () => ({ wholeMessageMs: 30_000, dataBlockMs: 20_000 }) })
    const drip = Array.from({ length: 20 }, () => [10_000, 'x\r\n']).flat()
    const { text } = await talk('EHLO x\r\nMAIL FROM:<a@b.test>\r\nBDAT 100\r\n', ...drip)
    assert.match(text, /\r\n421 4\.4\.2 /)
  })
})

describe('giving way', () => {
  test('a connection says for how long we have waited for it, and can be told to go', async () => {
    const { world, talk, connections } = serving({})
    const waited: number[] = []
    for (const afterMs of [500, 5000, 8500]) {
      world.clock.after(afterMs, () => waited.push(Math.round(connections[0]!.waitedMs / 100) / 10))
    }
    world.clock.after(9000, () => connections[0]!.drop())
    // A letter each second is no progress.
    const { text, tookMs } = await talk(4000, 'EHLO x\r\n', 1000, 'N', 1000, 'O', 1000, 'O', 1000, 'P', 1000)
    assert.deepEqual(waited, [0.5, 1, 4.5])
    assert.match(text, /\r\n421 4\.3\.2 others wait/)
    assert.ok(tookMs < 9500)
  })

  test('each kilobyte of a message buys a second', async () => {
    const { world, talk, connections } = serving({})
    let [fast, slow] = [Number.NaN, Number.NaN]
    world.clock.after(10_500, () => {
      fast = connections[0]!.waitedMs
    })
    world.clock.after(20_500, () => {
      slow = connections[0]!.waitedMs
    })
    await talk(
      'EHLO x\r\nMAIL FROM:<a@b.test>\r\nBDAT 90000 LAST\r\n',
      ...Array(10)
        .fill([1000, 'x'.repeat(2000)])
        .flat(),
      12_000,
    )
    assert.ok(fast < 100, `${fast}`)
    assert.ok(slow > 400 && slow < 1000, `${slow}`)
  })
})
