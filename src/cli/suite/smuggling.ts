// SMTP smuggling (The-Login's SMTP-Smuggling-Tools): a message with something in it that some servers take for its end,
// and a second envelope behind. Inbound: by DATA in one piece and in single bytes, and by BDAT, at the Border, at the
// MSA, and through a Forwarder. Outbound: out of the Author's hands by SMTP, by JMAP and by IMAP's APPEND. On the other
// side stands the laxest server there can be: for it every sequence of the suite ends a message.

import { uploadBlob } from '../../protocols/jmap/blob.ts'
import { handleRequest } from '../../protocols/jmap/request.ts'
import { CORE, MAIL, SUBMISSION } from '../../protocols/jmap/types.ts'
import { domainAt, type TestSystem } from '../../system/testing.ts'
import { backendsOf } from '../../system/web.ts'
import type { Stream } from '../../world/network.ts'
import type { SimulatedHost } from '../../world/simulated/host.ts'
import { ANNA, BOB, listen } from './attack-smtp.ts'
import type { SuiteReport } from './report.ts'

interface Sequences {
  readonly inbound_eod_sequences?: readonly string[]
  readonly outbound_eod_sequences?: readonly string[]
}

const LAX_IP = '203.0.113.25'
const ATTACKER_IP = '203.0.113.66'
const CARL = 'carl@old.test'
const FAR = 'dan@lax.test'
/** Not an attack: it must arrive, so that "nothing came" proves something. */
const HONEST = '\r\n..\r\n.\r\n.x\r\n'

/** One way of a message in. True if the server said that it took it. */
type Way = (content: string) => Promise<boolean>

export async function smuggle(report: SuiteReport, world: TestSystem, sequences: Sequences): Promise<void> {
  const inbound = sequences.inbound_eod_sequences ?? []
  const outbound = sequences.outbound_eod_sequences ?? []
  const ends = [...new Set([...inbound, ...outbound, '\r\n.\r\n'])]
  const lax = new LaxServer(ends)
  const host = world.stranger(LAX_IP, domainAt('lax.test', LAX_IP))
  await world.run(host.world.network.listen({ address: LAX_IP, port: 25 }, (stream) => void lax.serve(stream)))
  const attacker = world.stranger(ATTACKER_IP, domainAt('attack.test', ATTACKER_IP))
  const arrived = async () => {
    await world.quiet()
    const here = [await world.mail('recipient', BOB), await world.mail('recipient', BOB, 'junk')]
    return here.flat().length + lax.messages.length
  }
  const attempt = async (name: string, way: Way, content: string, wanted: string | string[]) => {
    const before = await arrived()
    const isTaken = await world.run(way(content))
    const count = (await arrived()) - before
    const got = isTaken || count > 0 ? `${count} of 1` : 'refused'
    report.check(name, wanted, lax.fault ?? got)
    lax.fault = undefined
  }
  /** What came of honest letters, dots and all. */
  const whole = async () => {
    const mail = (await world.mail('recipient', BOB)).map(({ text }) => text)
    const sent = lax.messages.map((text) => text.slice(0, -'.\r\n'.length).replace(/^\.\./gm, '.'))
    return [...mail, ...sent].filter((text) => text.endsWith(`Hello${HONEST}`)).length
  }
  const inways = waysIn(world, attacker)
  const outways = waysOut(world, attacker)
  for (const [name, way, to] of [...inways, ...outways])
    await attempt(`honest ${name}`, way, letter(to, HONEST, ''), '1 of 1')
  report.check('honest letters keep their dots', `${inways.length + outways.length}`, `${await whole()}`)
  for (const sequence of inbound)
    for (const [name, way, to] of inways)
      await attempt(`inbound ${JSON.stringify(sequence)} ${name}`, way, letter(to, sequence, to), ['refused', '1 of 1'])
  for (const sequence of outbound)
    for (const [name, way, to] of outways)
      await attempt(`outbound ${JSON.stringify(sequence)} ${name}`, way, letter(to, sequence, to), [
        'refused',
        '1 of 1',
      ])
}

/** A letter with the sequence in it, and with `second` a whole second transaction behind. */
function letter(to: string, sequence: string, second: string): string {
  const from = to === FAR ? ANNA : 'eve@attack.test'
  const head = `From: <${from}>\r\nTo: <${to}>\r\nSubject: one\r\n\r\n`
  if (second === '') return `${head}Hello${sequence}`
  const transaction = `MAIL FROM:<${from}>\r\nRCPT TO:<${to}>\r\nDATA\r\n${head}Smuggled\r\n`
  return `${head}Hello${sequence}${transaction}`
}

/** Whoever comes from outside: to a mailbox, and through a Forwarder to the lax server. */
function waysIn(world: TestSystem, attacker: SimulatedHost): [name: string, way: Way, to: string][] {
  const border = (agent: string, to: string, how: How): Way => {
    return async (content) => {
      const endpoint = world.system.agent(agent).endpoint('smtp')!
      const stream = await attacker.world.network.connect(endpoint, { timeoutMs: 60_000 })
      const begin = `EHLO mail.attack.test\r\nMAIL FROM:<eve@attack.test>\r\nRCPT TO:<${to}>\r\n`
      return converse(stream, begin, content, how)
    }
  }
  return (['DATA', 'bytes', 'BDAT'] as const).flatMap((how): [string, Way, string][] => [
    [`${how} to a mailbox`, border('recipient', BOB, how), BOB],
    [`${how} through a Forwarder`, border('old', CARL, how), CARL],
  ])
}

/** An Author who means harm: SMTP, JMAP and IMAP, always to the lax server. */
function waysOut(world: TestSystem, attacker: SimulatedHost): [name: string, way: Way, to: string][] {
  const msa =
    (how: How): Way =>
    async (content) => {
      const tls = { role: 'client', serverName: 'mail.sender.test', mustAuthenticate: false } as const
      const endpoint = world.system.agent('sender').endpoint('submissions')!
      const stream = await attacker.world.network.connect(endpoint, { timeoutMs: 60_000, tls })
      const login = Buffer.from(`\0${ANNA}\0demo`).toString('base64')
      const begin = `EHLO author.test\r\nAUTH PLAIN ${login}\r\nMAIL FROM:<${ANNA}>\r\nRCPT TO:<${FAR}>\r\n`
      return converse(stream, begin, content, how)
    }
  const webmail = backendsOf([...world.system.agents.values()]).accountFor(ANNA)!
  const ask = async (...calls: [string, object][]) => {
    const accountId = `a${webmail.account.id}`
    const methodCalls = calls.map(([name, args], i) => [name, { accountId, ...args }, String(i)])
    const body = Buffer.from(JSON.stringify({ using: [CORE, MAIL, SUBMISSION], methodCalls }))
    const result = await handleRequest(webmail, body)
    if ('problem' in result) throw new Error(JSON.stringify(result.problem))
    return result.response.methodResponses.map(([, args]) => args as Record<string, Record<string, unknown>>)
  }
  const submit = async (emailId: string) => {
    const identityId = ((await ask(['Identity/get', {}]))[0]!.list as unknown as { id: string }[])[0]!.id
    const envelope = { mailFrom: { email: ANNA }, rcptTo: [{ email: FAR }] }
    const [answer] = await ask(['EmailSubmission/set', { create: { s: { emailId, identityId, envelope } } }])
    return answer!.created?.s !== undefined
  }
  const drafts = () => `m${webmail.store.mailboxByUse(webmail.account.id, 'drafts')!.id}`
  const jmap: Way = async (content) => {
    const { id: blobId } = await uploadBlob(webmail, Buffer.from(content, 'latin1'))
    const [made] = await ask(['Email/import', { emails: { x: { blobId, mailboxIds: { [drafts()]: true } } } }])
    const email = made!.created?.x as { id: string } | undefined
    return email !== undefined && submit(email.id)
  }
  const append: Way = async (content) => {
    const tls = { role: 'client', serverName: 'mail.sender.test', mustAuthenticate: false } as const
    const endpoint = world.system.agent('sender').endpoint('imaps')!
    const stream = await attacker.world.network.connect(endpoint, { timeoutMs: 60_000, tls })
    const before = new Set(webmail.store.placements(webmail.account.id, Number(drafts().slice(1))).map((p) => p.email))
    await stream.write(Buffer.from(`a LOGIN ${ANNA} demo\r\n`))
    await listen(stream, 5000)
    await stream.write(Buffer.from(`b APPEND Drafts {${content.length}+}\r\n${content}\r\n`, 'latin1'))
    await listen(stream, 5000)
    stream.destroy()
    const made = webmail.store.placements(webmail.account.id, Number(drafts().slice(1)))
    const email = made.find((placement) => !before.has(placement.email))?.email
    return email !== undefined && submit(`e${email}`)
  }
  return [
    ['DATA at the MSA', msa('DATA'), FAR],
    ['BDAT at the MSA', msa('BDAT'), FAR],
    ['JMAP', jmap, FAR],
    ['APPEND and JMAP', append, FAR],
  ]
}

type How = 'DATA' | 'bytes' | 'BDAT'

/** One transaction in raw SMTP; then the session must still know where it is. What is smuggled is not stuffed. */
async function converse(stream: Stream, begin: string, content: string, how: How): Promise<boolean> {
  await listen(stream)
  for (const line of begin.split(/(?<=\n)/)) {
    await stream.write(Buffer.from(line))
    await listen(stream)
  }
  if (how === 'BDAT') await stream.write(Buffer.from(`BDAT ${content.length} LAST\r\n${content}`, 'latin1'))
  else {
    await stream.write(Buffer.from('DATA\r\n'))
    await listen(stream)
    const text = content.endsWith(HONEST) ? content.replace(/^\./gm, '..') : content
    const bytes = Buffer.from(`${text}.\r\n`, 'latin1')
    if (how === 'DATA') await stream.write(bytes)
    else for (const byte of bytes) await stream.write(Uint8Array.of(byte))
  }
  const answer = await listen(stream, 60_000)
  await stream.write(Buffer.from('NOOP\r\n'))
  const alive = await listen(stream)
  stream.destroy()
  if (!/^(?:250|421) [^\r]*\r\n$/.test(alive)) throw new Error(`out of step after ${JSON.stringify(content)}: ${alive}`)
  return /^250/.test(answer)
}

/** For this server any of the sequences ends a message, whichever comes first. It says yes to everything. */
class LaxServer {
  readonly messages: string[] = []
  /** What no server of ours may send. */
  fault: string | undefined
  readonly #ends: readonly string[]

  constructor(ends: readonly string[]) {
    this.#ends = ends
  }

  async serve(stream: Stream): Promise<void> {
    try {
      let input = ''
      let isInData = false
      const say = (text: string) => stream.write(Buffer.from(text))
      await say('220 lax.test\r\n')
      for (let bytes = await stream.read(); bytes !== null; bytes = await stream.read()) {
        input += Buffer.from(bytes).toString('latin1')
        for (;;) {
          const end = isInData ? this.#endOfData(input) : input.indexOf('\n') + 1
          if (end <= 0) break
          const piece = input.slice(0, end)
          input = input.slice(end)
          if (isInData) {
            this.messages.push(piece)
            if (/\r(?!\n)|(?<!\r)\n|\0/.test(piece)) this.fault = 'a stray line end leaves'
            isInData = false
            await say('250 ok\r\n')
          } else {
            isInData = /^DATA/i.test(piece)
            await say(isInData ? '354 go\r\n' : /^QUIT/i.test(piece) ? '221 bye\r\n' : '250 ok\r\n')
          }
        }
      }
      stream.destroy()
    } catch {
      stream.destroy()
    }
  }

  /** Behind the first end; -1 where none has come. A longer sequence at the same place is the whole of it. */
  #endOfData(input: string): number {
    let first = -1
    let behind = -1
    // Sought with a line end before it: a message may begin with a dot.
    for (const end of this.#ends) {
      const at = `\r\n${input}`.indexOf(end)
      if (at >= 0 && (first < 0 || at < first || (at === first && at + end.length > behind))) {
        first = at
        behind = at + end.length
      }
    }
    return first < 0 ? -1 : behind - 2
  }
}
