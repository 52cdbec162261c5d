// An adversary who really sends: from a host of his own, from somebody's infected computer, or through an account whose
// password he has. Below the lines that relays will write he brings lines of his own, to lead the blame elsewhere.

import { formatDate } from '../../../message/date.ts'
import { SmtpConnection } from '../../../protocols/smtp/client.ts'
import { replyText } from '../../../protocols/smtp/reply.ts'
import { forwardPathOf, reversePathOf } from '../../../roles/routing.ts'
import type { FlowLetter } from '../../simulate/letters.ts'
import type { SimulatedStage } from '../../simulate/world.ts'

export const WAYS = ['own host', 'infected computer', 'stolen account'] as const
export type Way = (typeof WAYS)[number]

/** The adversary's own host, which `SPAMMERS_RECORDS` publishes. */
const OWN = { domain: 'offers1.test', host: 'mail.offers1.test', ip: '127.0.77.1' } as const
/** Somebody's computer, which calls itself what he likes. */
const INFECTED = { ip: '127.0.66.7', helo: 'mail.bank.example' } as const

export interface Invented {
  /** Fields, as they stand in front of his message. */
  readonly fields: readonly string[]
}

interface About {
  /** The host that hands the message over: his, or what it calls itself. */
  readonly sender: string
  /** The Recipient's own host. */
  readonly ours: string
  readonly nowMs: number
}

/** What he writes, and what it should make one believe. */
export const INVENTIONS: Readonly<Record<string, (about: About) => string[]>> = {
  /** A chain between others. */
  elsewhere: ({ nowMs }) => [
    line(
      `from mail.bank.example (mail.bank.example [198.51.100.9]) by relay.innocent.example with ESMTPS id 4711`,
      nowMs - 9000,
    ),
    line(`from [203.0.113.99] by mail.bank.example with ESMTPSA id 4710`, nowMs - 10_000),
  ],
  /** The header of a great provider's message, with seal and all. */
  copied: ({ nowMs }) => [
    line('by 2002:a17:907:9722:b0:a52:1e5a:f1ab with SMTP id jg34csp1834712ejc', nowMs - 5000),
    'ARC-Seal: i=1; a=rsa-sha256; t=1767225590; cv=none; d=google.com; s=arc-20240605; b=Zm9yZ2VkIGFzIGl0IGNhbiBiZQ==',
    'ARC-Authentication-Results: i=1; mx.google.com; dkim=pass header.i=@bank.example; spf=pass smtp.mailfrom=ceo@bank.example; dmarc=pass header.from=bank.example',
    line(
      'from mail-sor-f41.google.com (mail-sor-f41.google.com. [209.85.220.41]) by mx.google.com with SMTPS id a640c23a62f3a',
      nowMs - 6000,
    ),
    'Authentication-Results: mx.google.com; dkim=pass header.i=@bank.example; spf=pass smtp.mailfrom=ceo@bank.example; dmarc=pass header.from=bank.example',
    line('by mail-sor-f41.google.com with SMTP id 4fb4d7f45d1cf-5cfexample', nowMs - 7000),
  ],
  /** A chain that ends at the Recipient's own host, which found everything in order. */
  'our names': ({ ours, nowMs }) => [
    `Authentication-Results: ${ours}; spf=pass smtp.mailfrom=ceo@bank.example; dkim=pass header.d=bank.example; dmarc=pass header.from=bank.example`,
    line(`from mail.bank.example (mail.bank.example [198.51.100.9]) by ${ours} with ESMTPS id 4712`, nowMs - 3000),
    line('from desk (unknown [10.20.30.40]) by mail.bank.example with ESMTPSA id 4711', nowMs - 4000),
  ],
  /** It only passed through his host. */
  'through his host': ({ sender, nowMs }) => [
    line(
      `from mail.bank.example (mail.bank.example [198.51.100.9]) by ${sender} (Postfix) with ESMTPS id 4713`,
      nowMs - 2000,
    ),
    line(
      'from desk.bank.example (desk.bank.example [198.51.100.77]) by mail.bank.example (Postfix) with ESMTP id 4712',
      nowMs - 4000,
    ),
  ],
  /** The same behind relays without names of their own. */
  'through his relays': ({ sender, nowMs }) => [
    line(
      `from EDGE01.corp.local (10.4.1.5) by ${sender} (10.4.1.6) with Microsoft SMTP Server id 15.1.2507.35`,
      nowMs - 2000,
    ),
    line(
      'from mail.bank.example (198.51.100.9) by EDGE01.corp.local (10.4.1.5) with Microsoft SMTP Server id 15.1.2507.35',
      nowMs - 3000,
    ),
  ],
  /** A clock of its own. */
  'in the future': ({ sender, nowMs }) => [
    line(`from laptop (unknown [10.0.0.9]) by ${sender} with ESMTPA id 4715`, nowMs + 3 * 86_400_000),
  ],
  /** Another hand. */
  'by qmail': ({ nowMs }) => [
    line('(qmail 20313 invoked from network)', nowMs - 2000),
    line('from unknown (HELO mail.bank.example) (198.51.100.9) by mx.innocent.example with SMTP', nowMs - 2000),
    line('(qmail 20311 invoked by uid 89)', nowMs - 3000),
  ],
}

const line = (value: string, atMs: number) => `Received: ${value}; ${formatDate(atMs)}`

export interface Attack {
  readonly way: Way
  readonly invention: string
  /** The first agent that took it. */
  readonly first: string
  /** The host from which it came, as its line can name it; undefined: the flow's own Author. */
  readonly host: string | undefined
  readonly messageId: string
  readonly forged: readonly string[]
  readonly reply: string
}

interface Plan {
  readonly way: Way
  readonly invention: string
  /** The agent at the first Border of the flow. */
  readonly door: string
  /** The Recipient's own host. */
  readonly ours: string
}

/** Sends along the flow of a letter; undefined where there is no such way. */
export async function attack(
  stage: SimulatedStage,
  letter: FlowLetter,
  { way, invention, door, ours }: Plan,
): Promise<Attack | undefined> {
  const isSignedIn = way === 'stolen account'
  if (isSignedIn && letter.password === undefined) return undefined
  const at = isSignedIn ? letter.first : stage.agent(door).plan
  const computer = isSignedIn ? letter.ip : way === 'own host' ? OWN.ip : INFECTED.ip
  const world = stage.computer(computer)
  const helo = isSignedIn ? 'mail.bank.example' : way === 'own host' ? OWN.host : INFECTED.helo
  const from = isSignedIn ? letter.from : way === 'own host' ? `office@${OWN.domain}` : 'ceo@bank.example'
  const sender = isSignedIn ? stage.agent(letter.first.id).agent.hostName : helo
  const nowMs = world.clock.now()
  const fields = INVENTIONS[invention]!({ sender, ours, nowMs })
  const messageId = `${world.random.bytes(9).toString('hex')}@${from.slice(from.lastIndexOf('@') + 1)}`
  const text = [
    ...fields,
    `From: ${from}`,
    `To: ${letter.to}`,
    'Subject: The minutes of our meeting',
    `Date: ${formatDate(nowMs)}`,
    `Message-ID: <${messageId}>`,
    '',
    'Here is what we decided on Tuesday. Please tell me when something is missing.',
    '',
  ].join('\r\n')
  const forged = fields.filter((field) => field.startsWith('Received: ')).map((field) => field.slice(10, 80))
  const login = isSignedIn
    ? { user: letter.from, password: letter.password!, cpu: world.cpu, random: world.random }
    : undefined
  const reply = await offer(stage, {
    at: at.id,
    door: isSignedIn ? 'submission' : 'smtp',
    helo,
    from,
    to: letter.to,
    text,
    login,
    computer,
  })
  const host = isSignedIn ? undefined : way === 'own host' ? OWN.host : INFECTED.helo
  return { way, invention, first: at.id, host, messageId, forged, reply }
}

/** One who is asked to come again comes again, as programs of this kind do. */
const TRIES = 4
const AGAIN_MS = 6 * 60_000

async function offer(
  stage: SimulatedStage,
  { at, door, helo, from, to, text, login, computer }: Offer,
): Promise<string> {
  const { network, clock } = stage.computer(computer)
  const agent = stage.agent(at)
  for (let n = 1; ; n++) {
    const tls = login === undefined ? 'opportunistic' : 'required'
    const connection = await SmtpConnection.open({
      network,
      clock,
      endpoint: agent.endpoint(door)!,
      serverName: agent.plan.hostName,
      heloName: helo,
      tls,
      ...(login === undefined ? {} : { login }),
    })
    let reply: string
    if (connection instanceof SmtpConnection) {
      const recipients = [{ forwardPath: forwardPathOf(to) }]
      const envelope = { reversePath: reversePathOf(from), recipients, body: '7BIT' as const, smtputf8: false }
      const said = await connection.send({ envelope, message: Buffer.from(text) })
      await connection.quit()
      reply = replyText(said.recipients[0]!.reply)
    } else reply = replyText(connection.reply)
    if (!reply.startsWith('4') || n >= TRIES) return reply
    await clock.sleep(AGAIN_MS)
  }
}

interface Offer {
  readonly at: string
  readonly door: 'submission' | 'smtp'
  readonly helo: string
  readonly from: string
  readonly to: string
  readonly text: string
  readonly login: Parameters<typeof SmtpConnection.open>[0]['login']
  readonly computer: string
}
