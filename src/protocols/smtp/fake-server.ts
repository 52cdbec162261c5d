// Hostile and broken servers, for tests and suites: what each answers is told by a file of fake-mail-server (RON text;
// EAST, "Why TLS is better without STARTTLS"). Some speak POP3, which no client of ours does: met on an SMTP port they
// are servers that make no sense.

import type { Stream } from '../../world/network.ts'

/** What one file says about its server. */
export interface FakeServer {
  readonly name: string
  readonly protocol: 'smtp' | 'pop3'
  readonly greeting: string
  readonly offersTls: boolean
  readonly startTls: string
  readonly handshakes: boolean
  /** Answers by command, lower case. */
  readonly overrides: ReadonlyMap<string, string>
  /** Commands that get no answer inside TLS. */
  readonly ignores: ReadonlySet<string>
}

/** What a fake server saw. */
export interface Heard {
  /** Lines before TLS. */
  readonly inClear: string[]
  /** Messages that it said it took. */
  taken: number
}

/** The server of a file in two variants: as it stands, and with its commented steps in force. */
export function fakeServers(name: string, ron: string): FakeServer[] {
  const step = ron.replace(/^(\s*)\/\/(?=\s*[a-z_]+:)/gm, '$1')
  return [readServer(name, ron), ...(step === ron ? [] : [readServer(`${name}, next step`, step)])]
}

const DEFAULTS = {
  smtp: { greeting: '220 example.org ready\r\n', startTls: '220 go ahead\r\n' },
  pop3: { greeting: '+OK ready\r\n', startTls: '+OK go ahead\r\n' },
}

function readServer(name: string, text: string): FakeServer {
  const ron = text.replace(/^\s*\/\/.*$/gm, '')
  const string = (key: string) => {
    const found = new RegExp(`${key}:\\s*"((?:[^"\\\\]|\\\\.)*)"`).exec(ron)?.[1]
    return found === undefined ? undefined : unescaped(found)
  }
  const list = (key: string) => new RegExp(`${key}:\\s*\\[([^\\]]*)\\]`).exec(ron)?.[1] ?? ''
  const overrides = [...ron.matchAll(/"(\w+)":\s*"((?:[^"\\]|\\.)*)"/g)]
  const protocol = /\bcapa(?:_auth)?:/.test(ron) || /greeting:\s*"(?:\+OK|-ERR)/.test(ron) ? 'pop3' : 'smtp'
  return {
    name,
    protocol,
    greeting: string('greeting') ?? DEFAULTS[protocol].greeting,
    offersTls: /StartTLS/.test(list('capabilities')) || /"STLS"/.test(list('capa')),
    startTls: string('stls_response') ?? DEFAULTS[protocol].startTls,
    handshakes: !/stls_make_transition:\s*false/.test(ron),
    overrides: new Map(overrides.map((o) => [o[1]!.toLowerCase(), unescaped(o[2]!)])),
    ignores: new Set([...list('ignore_commands_tls').matchAll(/"(\w+)"/g)].map((match) => match[1]!.toLowerCase())),
  }
}

const ESCAPES: Readonly<Record<string, string>> = { r: '\r', n: '\n', t: '\t', 0: '\0' }

function unescaped(text: string): string {
  return text.replace(/\\(?:x([0-9a-fA-F]{2})|u\{([0-9a-fA-F]{1,5})\}|(.))/gs, (_, x, u, one) =>
    one === undefined ? String.fromCodePoint(Number.parseInt(x ?? u, 16)) : (ESCAPES[one] ?? one),
  )
}

/** Serves one connection; the stream belongs to it. */
export async function serveFake(stream: Stream, server: FakeServer, heard: Heard): Promise<void> {
  const say = (text: string) => stream.write(Buffer.from(text))
  let input = ''
  let inData = false
  await say(server.greeting)
  for (let bytes = await stream.read(); bytes !== null; bytes = await stream.read()) {
    input += Buffer.from(bytes).toString('latin1')
    for (let end = input.indexOf('\r\n'); end >= 0; end = input.indexOf('\r\n')) {
      const line = input.slice(0, end)
      input = input.slice(end + 2)
      if (stream.tls === undefined) heard.inClear.push(line)
      if (inData && line !== '.') continue
      const verb = line.split(' ')[0]!.toLowerCase()
      const override = server.overrides.get(verb)
      if (inData) {
        heard.taken++
        await say('250 taken\r\n')
      } else if (stream.tls !== undefined && server.ignores.has(verb)) continue
      else if (verb === 'starttls' || verb === 'stls') {
        await say(override ?? server.startTls)
        if (server.handshakes)
          await stream.startTls({ role: 'server', identity: { certificatePem: '', privateKeyPem: '' } })
      } else await say(override ?? answerTo(verb, server, stream.tls !== undefined))
      inData = server.protocol === 'smtp' && verb === 'data'
    }
  }
  stream.destroy()
}

function answerTo(verb: string, { protocol, offersTls }: FakeServer, isInTls: boolean): string {
  if (protocol === 'pop3') return verb === 'quit' ? '+OK bye\r\n' : '-ERR no such command\r\n'
  if (verb === 'ehlo') return offersTls && !isInTls ? '250-x\r\n250 STARTTLS\r\n' : '250 x\r\n'
  if (verb === 'data') return '354 go\r\n'
  return verb === 'quit' ? '221 bye\r\n' : '250 ok\r\n'
}
