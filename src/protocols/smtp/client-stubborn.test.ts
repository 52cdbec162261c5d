// The client against servers that misbehave, at every state of the dialogue: each attempt ends, with a value, in bounded
// time and memory; nothing is taken for accepted that the server did not accept, and nothing is for good that it did not say.

import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import type { TlsIdentity } from '../../world/network.ts'
import { realKeymaker } from '../../world/real/keymaker.ts'
import { RealNetwork } from '../../world/real/network.ts'
import { realClock } from '../../world/real/world.ts'
import { testWorld } from '../../world/testing.ts'
import { type ClientTimeouts, SmtpConnection } from './client.ts'
import type { Envelope } from './envelope.ts'
import { replyText } from './reply.ts'
import { type HeardByStubborn, type Misbehaviour, STATES, type State, serveStubborn } from './stubborn-server.ts'

const at = { address: '192.0.2.1', port: 25 }
let identity: TlsIdentity
before(async () => {
  identity = await realKeymaker.tlsIdentity(['stubborn.test'])
})

const ENVELOPE: Envelope = {
  reversePath: { type: 'null' },
  recipients: [{ forwardPath: { type: 'postmaster' } }, { forwardPath: { type: 'postmaster' } }],
  body: '7BIT',
  smtputf8: false,
}
const MESSAGE = Buffer.from('Subject: hello\r\n\r\nHello\r\n')

interface Met {
  /** Of the first recipient, or of the connection that never was. */
  readonly state: string
  readonly said: string
  readonly heard: HeardByStubborn
}

async function meet(state: State, how: Misbehaviour): Promise<Met> {
  const { world, run } = testWorld()
  const heard: HeardByStubborn = { connections: 0, messages: 0, taken: 0 }
  const { network, clock } = world
  return run(async () => {
    await network.listen(at, (stream) => {
      const sleep = (ms: number) => clock.sleep(ms)
      serveStubborn(stream, { stubborn: { state, how }, identity, heard, sleep }).catch(() => stream.destroy())
    })
    const options = { network, clock, endpoint: at, serverName: 'stubborn.test', heloName: 'out.test' } as const
    return talk(await SmtpConnection.open({ ...options, tls: 'opportunistic' }), heard)
  })
}

async function talk(smtp: Awaited<ReturnType<typeof SmtpConnection.open>>, heard: HeardByStubborn): Promise<Met> {
  if (!(smtp instanceof SmtpConnection)) {
    const state = smtp.reply.code >= 500 ? 'refused' : 'deferred'
    return { state, said: replyText(smtp.reply), heard }
  }
  const { recipients } = await smtp.send({ envelope: ENVELOPE, message: MESSAGE })
  await smtp.reset()
  await smtp.quit()
  assert.equal(new Set(recipients.map(({ state }) => state)).size, 1)
  return { state: recipients[0]!.state, said: replyText(recipients[0]!.reply), heard }
}

const FLOOD = `250-${'x'.repeat(2000)}\r\n`.repeat(5200)
const BEHAVIOURS: readonly (readonly [what: string, how: Misbehaviour])[] = [
  ['says nothing', { kind: 'silence' }],
  ['leaves', { kind: 'close' }],
  ['leaves in the middle of a reply', { kind: 'says', text: '250-and then', closes: true }],
  ['says 421 and leaves', { kind: 'says', text: '421 4.3.2 not now\r\n', closes: true }],
  ['says 421 and stays', { kind: 'says', text: '421 4.3.2 not now\r\n' }],
  ['says 451', { kind: 'says', text: '451 4.3.0 later\r\n' }],
  ['answers 10 MB', { kind: 'says', text: `${FLOOD}250 ok\r\n` }],
  ['answers a line of 10 MB', { kind: 'says', text: `250 ${'x'.repeat(10_000_000)}\r\n` }],
  ['answers lines without end', { kind: 'endless', text: '250-more\r\n'.repeat(1000), pauseMs: 1 }],
  ['answers one line without end', { kind: 'endless', text: 'x'.repeat(10_000), pauseMs: 1 }],
  ['drips', { kind: 'endless', text: '2', pauseMs: 60_000 }],
  ['drips lines', { kind: 'endless', text: '250-more\r\n', pauseMs: 60_000 }],
  ['speaks no SMTP', { kind: 'says', text: 'HTTP/1.1 400 Bad Request\r\n\r\n' }],
  ['says 8-bit garbage', { kind: 'says', text: '\xff\xfe\x00\x80\x9b\x1b[2J\r\n\xc0\xaf\r\n' }],
  ['says an empty line', { kind: 'says', text: '\r\n' }],
  ['says a code that is none', { kind: 'says', text: '999 what\r\n' }],
  ['says a code of one digit', { kind: 'says', text: '2 ok\r\n' }],
  ['says 199', { kind: 'says', text: '199 so far\r\n' }],
  ['changes its code on the way', { kind: 'says', text: '250-first\r\n550 second\r\n' }],
  ['says 334', { kind: 'says', text: '334 VXNlcm5hbWU6\r\n' }],
  ['ends its lines in LF alone', { kind: 'says', text: '250-ok\n250 ok\n' }],
  ['ends its lines in CR alone', { kind: 'says', text: '250-ok\r250 ok\r' }],
  ['hides a second reply behind a bare CR', { kind: 'says', text: '451 later\r250 ok\r\n' }],
  ['begins with a space', { kind: 'says', text: ' 250 ok\r\n' }],
  ['puts nothing between code and text', { kind: 'says', text: '250ok\r\n' }],
  ['puts a NUL into its code', { kind: 'says', text: '2\x0050 ok\r\n' }],
  ['never ends its reply', { kind: 'says', text: '250-ok\r\n250-and\r\n' }],
  ['says 600', { kind: 'says', text: '600 beyond\r\n' }],
  ['says 000', { kind: 'says', text: '000 nothing\r\n' }],
  ['says it in digits of another script', { kind: 'says', text: '\u0662\u0665\u0660 ok\r\n' }],
  ['says 450 with an enhanced code of 5', { kind: 'says', text: '450 5.1.1 no such user\r\n' }],
  ['says 432', { kind: 'says', text: '432 4.7.12 a password transition is needed\r\n' }],
  ['answers twice', { kind: 'says', text: '250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n' }],
]

/** What a server says after the message was taken concerns nobody; before that nothing is taken. */
const isLate = (state: State) => state === 'rset' || state === 'quit'
/** "250 ok", if only in the wrong number, is what should be said there. */
const isNearlyRight = (state: State, what: string) =>
  state === 'ehlo' ||
  state === 'ehlo-tls' ||
  (state === 'dot' && what === 'answers twice') ||
  what === 'ends its lines in LF alone'

for (const state of STATES)
  describe(`at ${state} a server that`, () => {
    for (const [what, how] of BEHAVIOURS)
      test(what, async () => {
        const met = await meet(state, how)
        const expected = isLate(state)
          ? ['accepted']
          : isNearlyRight(state, what)
            ? ['accepted', 'deferred']
            : ['deferred']
        if (state === 'starttls' && !['accepted', 'deferred'].includes(met.state)) assert.fail(met.said)
        if (state !== 'starttls') assert.ok(expected.includes(met.state), `${met.state}: ${met.said}`)
        // What is called taken, the server had, and had said so.
        if (met.state === 'accepted' && state !== 'dot') assert.equal(met.heard.taken, 1)
        assert.doesNotMatch(met.said, /[\0-\x1f\x7f-\x9f]/)
        assert.ok(met.said.length < 1500)
        assert.ok(met.heard.messages <= 1 && met.heard.connections <= 2)
      })
  })

test('a verdict that comes before the message is none: it would be lost', async () => {
  const met = await meet('data', { kind: 'says', text: '354 go\r\n250 taken\r\n' })
  assert.equal(met.state, 'deferred')
  assert.match(met.said, /answered before it had the message/)
})

test('EHLO is refused, HELO is not: mail goes without extensions', async () => {
  const met = await meet('ehlo', { kind: 'says', text: '502 5.5.1 what is that\r\n' })
  assert.deepEqual([met.state, met.heard.taken], ['accepted', 1])
})

test('STARTTLS that lies: what was put behind its reply in plain text ends it, and so does a refusal of what was offered', async () => {
  const injected = await meet('starttls', { kind: 'says', text: '220 go\r\n250-stubborn.test\r\n250 AUTH PLAIN\r\n' })
  assert.equal(injected.heard.messages, 0)
  assert.match(injected.said, /plain text behind the reply to STARTTLS/)
  const refused = await meet('starttls', { kind: 'says', text: '454 4.7.0 no TLS now\r\n' })
  assert.equal(refused.state, 'accepted', 'opportunistic: plain text is as good as it gets (RFC 7435)')
})

test('with real sockets: floods, silence and garbage end in bounded time', async () => {
  const network = new RealNetwork()
  const ms = 300
  const timeouts: ClientTimeouts = {
    ...{ greetingMs: ms, commandMs: ms, dataInitiationMs: ms, dataBlockMs: ms },
    ...{ dataTerminationMs: ms, handshakeMs: 2000, quitMs: ms },
  }
  for (const state of STATES)
    for (const what of ['says nothing', 'leaves', 'answers 10 MB', 'answers lines without end', 'says 8-bit garbage']) {
      const heard: HeardByStubborn = { connections: 0, messages: 0, taken: 0 }
      const how = BEHAVIOURS.find(([name]) => name === what)![1]
      const listener = await network.listen({ address: '127.0.0.1', port: 0 }, (stream) => {
        const sleep = (forMs: number) => realClock.sleep(forMs)
        serveStubborn(stream, { stubborn: { state, how }, identity, heard, sleep }).catch(() => stream.destroy())
      })
      try {
        const options = { network, clock: realClock, endpoint: listener.endpoint, timeouts } as const
        const names = { serverName: 'stubborn.test', heloName: 'out.test' }
        const met = await talk(await SmtpConnection.open({ ...options, ...names, tls: 'opportunistic' }), heard)
        assert.equal(met.state === 'accepted', isLate(state) || heard.taken === 1, `${state} ${what}: ${met.said}`)
      } finally {
        await listener.close()
      }
    }
})
