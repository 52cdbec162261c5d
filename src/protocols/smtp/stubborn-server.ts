// A mail server that does as it should but for one reply, for tests of who talks to it: it stalls there, drips, floods,
// lies, falls out of step or leaves.

import type { Stream, TlsIdentity } from '../../world/network.ts'

/** Where in the dialogue. 'dot' is the reply to the message, 'ehlo-tls' the one to EHLO inside TLS. */
export const STATES = [
  'greeting',
  'ehlo',
  'starttls',
  'ehlo-tls',
  'mail',
  'rcpt',
  'data',
  'dot',
  'rset',
  'quit',
] as const
export type State = (typeof STATES)[number]

/** What is said in place of the reply: text, 'silence', 'close', or bytes without end. */
export type Misbehaviour =
  | { readonly kind: 'says'; readonly text: string; readonly closes?: boolean }
  | { readonly kind: 'silence' }
  | { readonly kind: 'close' }
  /** This again and again, for as long as the other side takes it. */
  | { readonly kind: 'endless'; readonly text: string; readonly pauseMs: number }

export interface Stubborn {
  readonly state: State
  readonly how: Misbehaviour
}

export interface HeardByStubborn {
  connections: number
  /** Messages whose final dot came. */
  messages: number
  /** Of these, those it said 250 to. */
  taken: number
}

const RIGHT: Readonly<Record<State, string>> = {
  greeting: '220 stubborn.test ready',
  ehlo: '250-stubborn.test\r\n250-PIPELINING\r\n250 STARTTLS',
  starttls: '220 go ahead',
  'ehlo-tls': '250-stubborn.test\r\n250 PIPELINING',
  mail: '250 ok',
  rcpt: '250 ok',
  data: '354 go',
  dot: '250 taken',
  rset: '250 ok',
  quit: '221 bye',
}

/** Serves one connection; the stream belongs to it. `stubborn` undefined: everything is right. */
export async function serveStubborn(
  stream: Stream,
  {
    stubborn,
    identity,
    heard,
    sleep,
  }: {
    readonly stubborn: Stubborn | undefined
    /** None: it does not know STARTTLS. */
    readonly identity?: TlsIdentity
    readonly heard: HeardByStubborn
    readonly sleep: (ms: number) => Promise<void>
  },
): Promise<void> {
  heard.connections++
  const write = (text: string) => stream.write(Buffer.from(text, 'latin1'))
  /** False: nothing more is to be said. */
  const answer = async (state: State): Promise<boolean> => {
    if (stubborn?.state !== state) {
      const right =
        identity === undefined ? RIGHT[state].replace(/-PIPELINING\r\n250 STARTTLS/, ' PIPELINING') : RIGHT[state]
      await write(`${right}\r\n`)
      return true
    }
    const { how } = stubborn
    if (how.kind === 'silence') return false
    if (how.kind === 'close') {
      stream.end()
      return false
    }
    if (how.kind === 'endless')
      for (;;) {
        await write(how.text)
        await sleep(how.pauseMs)
      }
    await write(how.text)
    if (how.closes) stream.end()
    return !how.closes
  }
  if (!(await answer('greeting'))) return
  let input = ''
  let isInData = false
  for (let bytes = await stream.read(); bytes !== null; bytes = await stream.read()) {
    input += Buffer.from(bytes).toString('latin1')
    for (let end = input.indexOf('\r\n'); end >= 0; end = input.indexOf('\r\n')) {
      const line = input.slice(0, end)
      input = input.slice(end + 2)
      if (isInData && line !== '.') continue
      const state: State | undefined = isInData ? 'dot' : stateOf(line, stream.tls !== undefined)
      if (state === 'dot') heard.messages++
      isInData = state === 'data'
      if (state === undefined) await write('500 what\r\n')
      else {
        const goesOn = await answer(state)
        if (state === 'dot' && stubborn?.state !== 'dot') heard.taken++
        const said = stubborn?.state === state && stubborn.how.kind === 'says' ? stubborn.how.text : RIGHT[state]
        if (goesOn && state === 'starttls' && identity !== undefined && said.startsWith('220'))
          await stream.startTls({ role: 'server', identity })
        if (goesOn && state === 'quit') stream.end()
      }
    }
  }
  stream.destroy()
}

function stateOf(line: string, isInTls: boolean): State | undefined {
  const verb = line.split(' ')[0]!.toLowerCase()
  if (verb === 'helo') return 'rset'
  const state = verb === 'ehlo' && isInTls ? 'ehlo-tls' : verb
  return STATES.find((one) => one === state && one !== 'greeting' && one !== 'dot')
}
