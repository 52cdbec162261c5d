// `borderpost verify`: every check of identity on one message, asked of real DNS: SPF, DKIM, DKIM2, DMARC, ARC, iprev
// and the BIMI record; with --explain each step of each check. What is not given (address, HELO, reverse-path) is taken from the
// newest Received line and Return-Path, which only the host that wrote them can vouch for: the output says so.

import { authenticate, type Identity } from '../../identity/authenticate.ts'
import { type BimiResult, bimiSelector, lookupBimi } from '../../identity/bimi.ts'
import { type Dkim2Result, verifyDkim2 } from '../../identity/dkim2/verify.ts'
import type { Step } from '../../identity/steps.ts'
import { fieldsNamed, firstValue, type Header, parseHeader, rawValue } from '../../message/header.ts'
import { isIp } from '../../message/ip.ts'
import { parseReceived } from '../../message/received.ts'
import { Resolver } from '../../protocols/dns/resolver.ts'
import { withSafeLineEnds } from '../../protocols/smtp/wire.ts'
import type { Dns } from '../../world/dns.ts'
import { RealNetwork } from '../../world/real/network.ts'
import { systemDns } from '../../world/real/resolv-conf.ts'
import { realClock, realRandom } from '../../world/real/world.ts'
import { serverAt } from '../dns-servers.ts'
import { EXIT, readInput } from '../read-description.ts'

export interface VerifyOptions {
  readonly ip?: string
  readonly helo?: string
  readonly from?: string
  readonly dns?: string
  readonly explain: boolean
  readonly json: boolean
}

/** One line of the output, with what led to it. */
interface Check {
  readonly name: string
  readonly result: string
  readonly about: string
  readonly steps: readonly Step[]
}

/** The exit code: findings when DMARC fails, unreachable when DNS gave no answer that was needed. */
export async function verify(file: string, options: VerifyOptions): Promise<number> {
  if (options.ip !== undefined && !isIp(options.ip)) return usage(`--ip ${options.ip} is no address.`)
  const servers = options.dns === undefined ? systemDns() : serverAt(options.dns)
  if (servers === undefined) return usage(`--dns ${options.dns} is no address, or address and port.`)
  const input = readInput(file)
  if (input === undefined) return EXIT.usage
  const network = new RealNetwork()
  const dns = new Resolver({ network, clock: realClock, random: realRandom, ...servers })
  return verifyWith(input, options, dns, (text) => process.stdout.write(text))
}

/** The same with a Dns and an output of the caller's. */
export async function verifyWith(
  input: Buffer,
  options: VerifyOptions,
  dns: Dns,
  print: (text: string) => void,
): Promise<number> {
  // A message saved to a file has often lost the CR of its line ends, without which no signature is the one that was made.
  const source = withSafeLineEnds(input)
  const header = parseHeader(source)
  const claimed = claimsOf(header)
  const ip = options.ip ?? claimed.ip
  const helo = options.helo ?? claimed.helo
  const reversePath = options.from ?? claimed.reversePath
  const arrival = { source, header, ip, helo, reversePath: reversePath.replace(/^<|>$/g, '') }
  const identity = await authenticate(arrival, { dns, clock: realClock, receiverName: 'localhost' })
  const bimi = await lookupBimi(identity, dns, bimiSelector(header))
  // Who the recipients were is not in the message, so its envelope cannot be compared.
  const dkim2 = await verifyDkim2(header, undefined, dns, realClock)
  const checks = checksOf(identity, dkim2, bimi)
  const notes = notesOf(options, identity, source !== input)
  if (options.json) print(`${JSON.stringify({ ip, helo, reversePath: arrival.reversePath, notes, checks })}\n`)
  else print(render(checks, notes, options.explain))
  if (identity.dmarc.result === 'temperror') return EXIT.unreachable
  return identity.dmarc.result === 'fail' ? EXIT.findings : EXIT.ok
}

function usage(complaint: string): number {
  console.error(complaint)
  return EXIT.usage
}

function claimsOf(header: Header): { ip: string; helo: string; reversePath: string } {
  const lines = fieldsNamed(header, 'received').map((field) =>
    parseReceived(rawValue(header, field).toString('latin1')),
  )
  const newest = lines.find(({ isHandover, ip }) => isHandover && ip !== undefined)
  return {
    ip: newest?.ip ?? '',
    helo: newest?.helo ?? '',
    reversePath: firstValue(header, 'return-path') ?? newest?.envelopeFrom ?? '',
  }
}

function notesOf(options: VerifyOptions, identity: Identity, isChanged: boolean): string[] {
  const taken = [
    options.ip === undefined && identity.ip !== '' && `address ${identity.ip}`,
    options.helo === undefined && identity.helo !== '' && `HELO ${identity.helo}`,
    options.from === undefined && `reverse-path <${identity.reversePath}>`,
  ].filter((text) => text !== false)
  return [
    ...(taken.length > 0 ? [`Taken from the message itself, on its word: ${taken.join(', ')}.`] : []),
    ...(identity.ip === '' ? ['No address is known (--ip): SPF and iprev say nothing.'] : []),
    ...(isChanged ? ['Line ends were made CRLF before checking.'] : []),
  ]
}

function checksOf(identity: Identity, dkim2: Dkim2Result, bimi: BimiResult): Check[] {
  const { spf, dkim, dmarc, arc, iprev } = identity
  const signatures = dkim.map((each): Check => {
    const key = each.keyBits === undefined ? '' : `, ${each.keyBits} bits`
    const why = each.reason === undefined ? '' : ` (${each.reason})`
    const about = `d=${each.domain} s=${each.selector} ${each.algorithm}${key}${why}`
    return { name: 'DKIM', result: each.result, about, steps: each.steps }
  })
  return [
    {
      name: 'SPF',
      result: spf.result,
      about: `${spf.identity} ${spf.domain}${spf.mechanism === undefined ? '' : ` (${spf.mechanism})`}`,
      steps: spf.steps,
    },
    ...(signatures.length > 0 ? signatures : [{ name: 'DKIM', result: 'none', about: 'no signature', steps: [] }]),
    ...(dkim2.result === 'none' ? [] : [dkim2Check(dkim2)]),
    {
      name: 'DMARC',
      result: dmarc.result,
      about: `From ${dmarc.domain || 'nobody'}, policy ${dmarc.policy}${dmarc.reason === undefined ? '' : `: ${dmarc.reason}`}`,
      steps: dmarc.steps,
    },
    {
      name: 'ARC',
      result: arc.result,
      about: arc.reason ?? arc.hops.map(({ domain }) => domain).join(', '),
      steps: arc.steps,
    },
    { name: 'iprev', result: iprev.result, about: iprev.name ?? identity.ip, steps: [] },
    { name: 'BIMI', result: bimi.result, about: bimi.location ?? '', steps: bimi.steps },
  ]
}

function dkim2Check({ result, reason, hops, steps }: Dkim2Result): Check {
  return { name: 'DKIM2', result, about: reason ?? hops.map(({ domain }) => domain).join(', '), steps }
}

const RESULT_WIDTH = 9

/** Text of strangers goes to a terminal: control characters are shown as `?`. */
function render(checks: readonly Check[], notes: readonly string[], explain: boolean): string {
  const lines = checks.flatMap(({ name, result, about, steps }) => [
    `${name.padEnd(6)} ${result.padEnd(RESULT_WIDTH)} ${about}`.trimEnd(),
    ...(explain ? steps.map(({ what, detail }) => `         ${what}${detail === undefined ? '' : `: ${detail}`}`) : []),
  ])
  return [...notes, ...lines].map((line) => `${line.replace(/[\0-\x1f\x7f-\x9f]/g, '?')}\n`).join('')
}
