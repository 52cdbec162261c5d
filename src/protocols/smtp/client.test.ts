// The client against the hostile servers of fake-mail-server (EAST, "Why TLS is better without STARTTLS"): whatever the
// server answers, mail that requires TLS never goes in clear, and every attempt ends with a value.

import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parseSmtpPath } from '../../message/smtp-path.ts'
import type { Stream } from '../../world/network.ts'
import { testWorld } from '../../world/testing.ts'
import { type ClientTls, SmtpConnection } from './client.ts'
import { toWire } from './wire.ts'

const folder = new URL('../../../../shared/suites/attack-smtp/fake-server-smtp/', import.meta.url)
const at = { address: '192.0.2.1', port: 25 }

/** What one RON file says about its server. */
interface FakeServer {
  readonly name: string
  readonly greeting: string
  readonly offersTls: boolean
  readonly startTls: string
  readonly handshakes: boolean
  readonly overrides: ReadonlyMap<string, string>
}

function readServer(name: string, ron: string): FakeServer {
  const text = (pattern: RegExp, other: string) => {
    const found = pattern.exec(ron)?.[1]
    return found === undefined ? other : JSON.parse(`"${found}"`)
  }
  const overrides = [...ron.matchAll(/"(\w+)":\s*"((?:[^"\\]|\\.)*)"/g)]
  return {
    name,
    greeting: text(/greeting:\s*"((?:[^"\\]|\\.)*)"/, '220 example.org ready\r\n'),
    offersTls: /capabilities:\s*\[[^\]]*StartTLS/.test(ron),
    startTls: text(/stls_response:\s*"((?:[^"\\]|\\.)*)"/, '220 go ahead\r\n'),
    handshakes: !/stls_make_transition:\s*false/.test(ron),
    overrides: new Map(overrides.map((o) => [o[1]!.toLowerCase(), JSON.parse(`"${o[2]}"`)])),
  }
}

/** Two variants of each file: as it is, and with its commented steps in force. */
function servers(): FakeServer[] {
  const files = readdirSync(folder, { recursive: true }).map(String)
  return files
    .filter((name) => name.endsWith('.ron'))
    .flatMap((name) => {
      const ron = readFileSync(new URL(name, folder), 'utf8')
      return [
        readServer(name, ron.replace(/^\s*\/\/.*$/gm, '')),
        readServer(`${name}, next step`, ron.replaceAll('//', '')),
      ]
    })
}

/** Serves one connection; notes what it heard before TLS. */
async function serve(stream: Stream, server: FakeServer, inClear: string[]): Promise<void> {
  const say = (text: string) => stream.write(Buffer.from(text))
  let input = ''
  let inData = false
  await say(server.greeting)
  for (let bytes = await stream.read(); bytes !== null; bytes = await stream.read()) {
    input += Buffer.from(bytes).toString('latin1')
    for (let end = input.indexOf('\r\n'); end >= 0; end = input.indexOf('\r\n')) {
      const line = input.slice(0, end)
      input = input.slice(end + 2)
      if (stream.tls === undefined) inClear.push(line)
      if (inData && line !== '.') continue
      const verb = line.split(' ')[0]!.toLowerCase()
      const override = server.overrides.get(verb)
      if (inData) await say('250 taken\r\n')
      else if (verb === 'starttls') {
        await say(override ?? server.startTls)
        if (server.handshakes)
          await stream.startTls({ role: 'server', identity: { certificatePem: '', privateKeyPem: '' } })
      } else if (override !== undefined) await say(override)
      else if (verb === 'ehlo')
        await say(server.offersTls && stream.tls === undefined ? '250-x\r\n250 STARTTLS\r\n' : '250 x\r\n')
      else if (verb === 'data') await say('354 go\r\n')
      else await say(verb === 'quit' ? '221 bye\r\n' : '250 ok\r\n')
      inData = verb === 'data'
    }
  }
  stream.destroy()
}

async function attempt(server: FakeServer, tls: ClientTls): Promise<{ inClear: string[]; outcome: string }> {
  const { world, run } = testWorld()
  const inClear: string[] = []
  const { network, clock } = world
  const outcome = await run(async () => {
    await network.listen(at, (stream) => void serve(stream, server, inClear).catch(() => stream.destroy()))
    const smtp = await SmtpConnection.open({
      network,
      clock,
      endpoint: at,
      serverName: 'x.test',
      heloName: 'out.test',
      tls,
    })
    if (!(smtp instanceof SmtpConnection)) {
      assert.ok(smtp.reply.code >= 400, server.name)
      return `no ${smtp.stage}`
    }
    const from = parseSmtpPath('<>', 'reverse')
    const to = parseSmtpPath('<bob@two.test>', 'forward')
    assert.ok(from.ok && to.ok)
    const envelope = {
      reversePath: from.path,
      recipients: [{ forwardPath: to.path }],
      body: '7BIT',
      smtputf8: false,
    } as const
    const result = await smtp.send({ envelope, message: Buffer.from('Subject: x\r\n\r\nsecret\r\n') })
    await smtp.reset()
    await smtp.quit()
    return result.recipients[0]!.state
  })
  return { inClear, outcome }
}

test('hostile servers of fake-mail-server: mail that requires TLS never goes in clear', async (t) => {
  if (!existsSync(folder)) return t.skip('shared/suites/attack-smtp is absent')
  const all = servers()
  assert.ok(all.length > 60)
  for (const server of all) {
    for (const tls of ['required', 'opportunistic'] as const) {
      const { inClear, outcome } = await attempt(server, tls)
      const sentInClear = inClear.some((line) => /^(MAIL|RCPT|DATA)|secret/.test(line))
      assert.ok(tls === 'opportunistic' || !sentInClear, `${server.name}: ${inClear.join(', ')}`)
      assert.match(outcome, /^(no (greeting|hello|tls)|accepted|deferred|refused)$/, server.name)
    }
  }
  const injected = all.find((s) => s.name.includes('B_1') && s.name.includes('next'))!
  assert.equal((await attempt(injected, 'opportunistic')).outcome, 'no tls')
})

test('content on the wire', () => {
  const wire = (text: string) => Buffer.concat(toWire(Buffer.from(text)).pieces).toString()
  const cases: [given: string, sent: string][] = [
    ['', '.\r\n'],
    ['a', 'a\r\n.\r\n'],
    ['a\r\n', 'a\r\n.\r\n'],
    ['.\r\n', '..\r\n.\r\n'],
    ['.a\r\n.b\r\n..\r\n\r\n.', '..a\r\n..b\r\n...\r\n\r\n..\r\n.\r\n'],
    ['a\nb\n', 'a\r\nb\r\n.\r\n'],
    ['a\n.\nb', 'a\r\n..\r\nb\r\n.\r\n'],
    ['a\r.\rb\r\r\n', 'a . b \r\n.\r\n'],
    ['\r\n\0.\r\n', '\r\n .\r\n.\r\n'],
  ]
  for (const [given, sent] of cases) assert.equal(wire(given), sent, JSON.stringify(given))
  const latin = toWire(Buffer.from('Subject: \xe9\r\n\r\nx', 'latin1'))
  assert.deepEqual([latin.eightBit, latin.eightBitHeader, latin.sizeBytes], [true, true, 17])
  assert.equal(toWire(Buffer.from('Subject: e\r\n\r\né')).eightBitHeader, false)
})
