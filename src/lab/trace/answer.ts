// What somebody who pastes a header wants to know first: who sent this, is it genuine, where was it delayed. Each sentence
// says whose word it is, and nothing is called proven that only the message says of itself.

import type { AuthenticationMethod } from '../../message/authentication-results.ts'
import { durationText } from './duration.ts'
import { aligned, type Step } from './path.ts'
import { NOBODY, type TracedResults } from './results.ts'
import type { TraceResult } from './trace.ts'

/** Sentences, the most important first. */
export function answer(result: TraceResult): string[] {
  if (result.steps.length === 0 && result.author === undefined)
    return [
      'This is no header of a message: it names no sender and tells of no path. In most mail programs it stands behind “show original” or “view source”; paste all of it.',
    ]
  return [whoSent(result), whoHanded(result), passedOn(result), whatIsDoubted(result), whereDelayed(result)].filter(
    (sentence) => sentence !== '',
  )
}

/** What our own Border found out about the Author, if it wrote that down. */
function found({ authentication }: TraceResult): TracedResults | undefined {
  const ours = authentication.filter(({ standing }) => standing !== 'claimed')
  const first = ours[0]
  return first && { ...first, methods: ours.flatMap(({ methods }) => methods) }
}

const PASSES = { dmarc: 'DMARC', dkim: 'a signature, DKIM', spf: 'the host may send for it, SPF' } as const

/** The methods that prove an organisation, best first. */
function proofsOf(methods: readonly AuthenticationMethod[], name: string): (keyof typeof PASSES)[] {
  const isOf = ({ properties }: AuthenticationMethod) =>
    properties.some(
      (each) =>
        /^(?:smtp\.mailfrom|header\.(?:d|i|from))$/.test(each.name) &&
        aligned(each.value.slice(each.value.lastIndexOf('@') + 1)) === name,
    )
  return (['dmarc', 'dkim', 'spf'] as const).filter((method) =>
    methods.some((each) => each.method === method && each.result === 'pass' && isOf(each)),
  )
}

function whoSent(result: TraceResult): string {
  const { author } = result
  if (author === undefined && result.linesFound > result.steps.length)
    return `It has ${result.linesFound} Received lines or more: no path is that long. Of the newest ${result.steps.length}, which are shown, none tells who wrote it.`
  if (author === undefined) return 'It names no Author: there is no From.'
  const border = found(result)
  if (border === undefined)
    return `It says that it is from ${author.address}. Nothing in the header proves that: no Border wrote down what it found.`
  const name = border.authservId === NOBODY ? '' : `, ${border.authservId},`
  const [best] = proofsOf(border.methods, author.organisation)
  if (best !== undefined && border.standing === 'likely')
    return `It says that it is from ${author.address}, and most likely your own Border${name} found proof (${PASSES[best]}): that stands just below its line, where the sender could have put it, too, unless your Border removes what pretends to be its own.`
  const who = result.trust === 'configured' ? 'your own Border' : 'by all signs your own Border'
  if (best !== undefined)
    return `It is from ${author.organisation}: ${who}${name} found proof (${PASSES[best]}). Who there wrote it is ${author.organisation}'s word: ${author.address}.`
  const failed = border.methods.find(({ method, result: said }) => method === 'dmarc' && said === 'fail')
  const others = [...new Set(border.methods.flatMap((each) => (each.result === 'pass' ? domainsOf(each) : [])))]
  const instead = others.length > 0 ? ` What is proven is another name: ${others.slice(0, 3).join(', ')}.` : ''
  const why = failed ? 'looked for proof and found none (DMARC failed)' : 'found no proof of that'
  return `It says that it is from ${author.address}, but your own Border${name} ${why}.${instead}`
}

function domainsOf({ properties }: AuthenticationMethod): string[] {
  return properties.flatMap(({ name, value }) => {
    const domain = /^(?:smtp\.mailfrom|header\.(?:d|i))$/.test(name)
      ? aligned(value.slice(value.lastIndexOf('@') + 1))
      : undefined
    return domain === undefined ? [] : [domain]
  })
}

/** What our own host saw with its own eyes. */
function whoHanded({ steps, trust }: TraceResult): string {
  if (steps.length === 0) return 'It has no Received lines: it tells of no path.'
  const entry = steps.find(({ entersHere }) => entersHere)
  if (entry === undefined) return trust === 'none' ? 'All of its path is claimed.' : ''
  const { received } = entry
  const name = received.reverseName ?? received.ip ?? received.helo ?? 'somebody'
  const address = received.ip !== undefined && name !== received.ip ? ` [${received.ip}]` : ''
  const greeting = received.reverseName === undefined && received.helo ? `, which calls itself ${received.helo},` : ''
  const sure = trust === 'assumed' ? ', if that is a host of yours' : ''
  return `${name}${address}${greeting} handed it to ${received.by}: that is certain${sure}. What came before is what the sender's side says.`
}

/** A Forwarder or list shows itself only by what it wrote: what of that is more than its word. */
function passedOn(result: TraceResult): string {
  const { author, forwarder, blocks } = result
  const block = blocks.find(({ side }) => side === 'forwarder')
  if (forwarder === undefined || block === undefined || author === undefined) return ''
  const methods = found(result)?.methods ?? []
  const name = block.organisation
  const what = forwarder.isList ? 'the mailing list' : 'the Forwarder'
  if (proofsOf(methods, author.organisation).length > 0 && name !== author.organisation)
    return `It came by way of ${what} ${name}, and ${author.organisation} is proven all the same.`
  if (name === author.organisation) return ''
  const isSealed = methods.some((each) => each.method === 'arc' && each.result === 'pass')
  const itself = proofsOf(methods, name)
  const proven = itself.length > 0 ? `That ${name} sent it is proven` : `Nothing proves that ${name} sent it`
  const seal = isSealed
    ? `; ${name} sealed what it found before (ARC), which counts as far as you trust ${name}`
    : `; that it came there from ${author.organisation} is ${name}'s word alone (no signature of the Author survived, no seal). A sender who only plays ${what} looks the same`
  return `${proven}${seal}.`
}

function whatIsDoubted({ steps }: TraceResult): string {
  const lines = steps.filter(({ doubt }) => doubt !== undefined)
  if (lines.length === 0) return ''
  const many = lines.length === 1 ? 'One line of the path was' : `${lines.length} lines of the path were`
  return `${many} probably never written by a relay: ${lines.at(-1)!.doubt}.`
}

/** A minute is nothing. */
const LONG_MS = 60_000

function whereDelayed({ steps, totalMs }: TraceResult): string {
  if (totalMs === undefined) return steps.length === 0 ? '' : 'Its times do not tell how long it took.'
  if (totalMs < LONG_MS) return `It took ${durationText(totalMs)}: nowhere was it delayed.`
  const longest = steps.reduce<Step | undefined>(
    (most, step) => ((step.delayMs ?? 0) > (most?.delayMs ?? 0) ? step : most),
    undefined,
  )
  const took = `It took ${durationText(totalMs)}`
  if (longest?.delayMs === undefined || longest.delayMs < LONG_MS) return `${took}, nowhere long.`
  const { received } = longest
  const from = received.reverseName ?? received.helo ?? received.ip
  const by = received.by ?? 'the next host'
  const where =
    from === undefined || longest.kind === 'inside' ? `before ${by} had it` : `before ${by} took it from ${from}`
  const waited = durationText(longest.delayMs)
  // More than the whole: somebody's clock is wrong, and nothing in a header says whose.
  if (longest.delayMs > totalMs) return `${took}; by clocks that differ ${waited} passed ${where}.`
  return `${took}: ${waited} of that passed ${where}${longest.verified ? '' : ', by what they say'}.`
}
