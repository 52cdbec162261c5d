// The same handover as other systems write it down. The lines of our own agents are taken apart and written again in
// another system's manner, so that the trace is measured on more than our own hand. Forms are those that these systems are
// known to write; names, numbers and addresses are ours.

import { formatDate } from '../../../message/date.ts'

/** What a relay knew when it wrote its line. */
export interface Handover {
  readonly helo: string
  /** The confirmed name of the address. */
  readonly name: string | undefined
  readonly ip: string
  readonly by: string
  /** An Author signed in. */
  readonly user: string | undefined
  readonly tls: boolean
  readonly id: string
  readonly for: string | undefined
  readonly atMs: number
}

/** Values of Received fields, newest first: some systems write two for one handover. */
export type Style = (handover: Handover) => string[]

const CIPHER = 'TLS_AES_256_GCM_SHA384'
const protocol = ({ tls, user }: Handover) => `ESMTP${tls ? 'S' : ''}${user === undefined ? '' : 'A'}`
const forWhom = ({ for: to }: Handover, before = ' ') => (to === undefined ? '' : `${before}for <${to}>`)
const literal = (helo: string) => (/^\d/.test(helo) ? `[${helo}]` : helo)

const postfix: Style = (h) => [
  `from ${literal(h.helo)} (${h.name ?? 'unknown'} [${h.ip}])\r\n` +
    `${h.tls ? `\t(using TLSv1.3 with cipher ${CIPHER} (256/256 bits)\r\n\t key-exchange X25519 server-signature RSA-PSS (2048 bits))\r\n\t(No client certificate requested)\r\n` : ''}` +
    `${h.user === undefined ? '' : `\t(Authenticated sender: ${h.user})\r\n`}` +
    `\tby ${h.by} (Postfix) with ${protocol(h)} id ${h.id.toUpperCase()}${forWhom(h, '\r\n\t')};\r\n\t${formatDate(h.atMs)}`,
]

const exim: Style = (h) => {
  const greeting = h.helo === h.name ? '' : ` helo=${literal(h.helo)}`
  const origin = h.name === undefined ? `[${h.ip}] (${greeting.trim()})` : `${h.name} ([${h.ip}]${greeting})`
  const tls = h.tls ? `  (TLS1.3) tls ${CIPHER}\r\n\t(Exim 4.96)` : ' (Exim 4.96)'
  return [
    `from ${origin}\r\n\tby ${h.by} with ${protocol(h).toLowerCase()}${tls}\r\n\t(envelope-from <${h.user ?? 'bounces@envelope.example'}>)\r\n\tid 1q${h.id.slice(0, 4)}-00${h.id.slice(4, 8)}-2T${forWhom(h, '\r\n\t').replace(/[<>]/g, '')};\r\n\t${formatDate(h.atMs)}`,
  ]
}

const gmail: Style = (h) => [
  `by 2002:a05:6402:34cc:b0:453:0:${h.id.slice(0, 4)} with SMTP id ${h.id};\r\n        ${formatDate(h.atMs + 1000)}`,
  `from ${literal(h.helo)} (${h.name === undefined ? '' : `${h.name}. `}[${h.ip}])\r\n        by ${h.by} with ${protocol(h)} id ${h.id}.1.2026.01.01.00.00.00${forWhom(h, '\r\n        ')}\r\n` +
    `        ${h.tls ? `(version=TLS1_3 cipher=${CIPHER} bits=256/256)` : ''};\r\n        ${formatDate(h.atMs)}`,
]

const exchange: Style = (h) =>
  h.user === undefined
    ? [
        `from ${h.helo} (${h.ip}) by ${h.by} (10.1.1.6)\r\n with Microsoft SMTP Server (version=TLS1_2,\r\n cipher=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384) id 15.20.6500.29; ${formatDate(h.atMs)}`,
      ]
    : [
        `from ${h.by} ([fe80::1c2a:3b4d]) by\r\n ${h.by} ([fe80::1c2a:3b4d%4]) with mapi id 15.01.2507.035;\r\n ${formatDate(h.atMs)}`,
      ]

const sendmail: Style = (h) => [
  `from ${literal(h.helo)} (${h.name === undefined ? `[${h.ip}]` : `${h.name} [${h.ip}]`}${h.name === undefined || h.name === h.helo ? '' : ' (may be forged)'})\r\n` +
    `${h.user === undefined ? '' : '\t(authenticated bits=0)\r\n'}` +
    `\tby ${h.by} (8.17.1/8.17.1) with ${protocol(h)} id ${h.id}${h.tls ? `\r\n\t(version=TLSv1.3 cipher=${CIPHER} bits=256 verify=NO)` : ''}${forWhom(h, '\r\n\t')};\r\n\t${formatDate(h.atMs)}`,
]

const qmail: Style = (h) => [
  `(qmail 2${h.atMs % 10_000} invoked from network); ${formatDate(h.atMs).replace('+0000', '-0000')}`,
  `from ${h.name ?? 'unknown'} (HELO ${literal(h.helo)}) (${h.user === undefined ? '' : `${h.user}@`}${h.ip})\r\n  by ${h.by} with ${protocol(h)}; ${formatDate(h.atMs).replace('+0000', '-0000')}`,
]

const courier: Style = (h) => [
  `from ${literal(h.helo)} (${h.name ?? ''} [::ffff:${h.ip}])\r\n  (${h.user === undefined ? '' : `AUTH: LOGIN ${h.user}, `}TLS: TLSv1.3,256bits,${CIPHER})\r\n  by ${h.by} with ${protocol(h)}; ${formatDate(h.atMs)}\r\n  id 00000000${h.id.slice(0, 8)}`,
]

const communigate: Style = (h) => [
  `from ${h.user === undefined && h.name !== undefined ? `${h.name} ([${h.ip}] verified)` : `[${h.ip}] (${h.user === undefined ? '' : `account ${h.user} `}HELO ${literal(h.helo)})`}\r\n  by ${h.by} (CommuniGate Pro SMTP 6.3.3)\r\n  with ${protocol(h)} id ${h.atMs % 1_000_000}${forWhom(h).replace(/[<>]/g, '')}; ${formatDate(h.atMs)}`,
]

const mdaemon: Style = (h) => [
  `from ${literal(h.helo)} (${h.name === undefined ? '' : `${h.name} `}[${h.ip}])\r\n\tby ${h.by} (MDaemon PRO v21.5.0)\r\n\twith ${protocol(h)} id md5000${h.atMs % 100_000}.msg${forWhom(h, '\r\n\t')}; ${formatDate(h.atMs)}`,
]

/** Hands by which the trace was made. */
export const KNOWN_STYLES: Readonly<Record<string, Style>> = { postfix, exim, gmail, exchange }

/** Hands that were looked at only when it was made: what it does with these it does with strangers'. */
export const HELD_BACK: Readonly<Record<string, Style>> = { sendmail, qmail, courier, communigate, mdaemon }
