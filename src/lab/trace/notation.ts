// The system that carried a message, in the notation of the article and as a picture.

import { arrange, type Picture, type PictureRow } from '../../notation/layout.ts'
import type { TraceBlock, TraceHop } from './blocks.ts'
import { delayText, tlsText } from './render.ts'
import type { TraceResult } from './trace.ts'

const NETWORKS = {
  sender: "Sender's Network",
  cloud: "Nobody's Network",
  forwarder: "Forwarder's Network",
  recipient: "Recipient's Network",
}
const ARROWS = { direct: '==>', indirect: '~~>', flow: '-->' }

/** The flow alone, without networks and facts; '' without a path. */
export function traceFlow({ blocks, hops }: TraceResult): string {
  if (blocks.length === 0) return ''
  const labels = blocks.map((block) =>
    block.id === '' ? block.roles.join('/') : `${block.roles.join('/')}@${block.id}`,
  )
  let flow = labels[0]!
  for (const hop of hops) {
    const arrow = ARROWS[hop.arrow]
    flow += hop.crossesBorder ? ` ${arrow} / ${arrow} ${labels[hop.to]}` : ` ${arrow} ${labels[hop.to]}`
  }
  return flow
}

/** The notation text: one flow with its networks, and a line of facts for each actor. Empty without a path. */
export function traceNotation(result: TraceResult): string {
  const { blocks, hops } = result
  if (blocks.length === 0) return ''
  const flow = traceFlow(result)
  const sides = [networkOf(result, 0)]
  for (const hop of hops) if (hop.crossesBorder) sides.push(networkOf(result, hop.to))
  const brackets = sides.map((name) => `|--- ${name} ---|`).join(' ')
  const hasBorder = hops.some((hop) => hop.crossesBorder)
  const lines = [
    '# The path of one message, as its Received lines tell it.',
    hasBorder ? `${brackets} / ${flow} / Border` : `${brackets} ${flow}`,
    '',
  ]
  const described = new Set<string>()
  for (const block of blocks) {
    if (block.id === '' || described.has(block.id)) continue
    described.add(block.id)
    const facts = [
      isName(block) ? `domain=${block.organisation}` : '',
      block.ip ? `ip=${block.ip.includes(':') ? `"${block.ip}"` : block.ip}` : '',
    ].filter(Boolean)
    if (facts.length > 0) lines.push(`${block.id}: ${facts.join(', ')}`)
  }
  return `${lines.join('\n')}\n`
}

function isName(block: TraceBlock): boolean {
  return /^[a-z0-9_.-]+\.[a-z][a-z0-9-]*$/.test(block.organisation)
}

/** The network on this side: with a trusted Forwarder both are the Recipient's, as in the article's second diagram. */
function networkOf({ blocks, hops }: TraceResult, index: number): string {
  const side = blocks[index]!.side
  const trusted = side === 'forwarder' && hops.some((hop) => hop.from === index && hop.arrow === 'indirect')
  return NETWORKS[trusted ? 'recipient' : side]
}

/** The picture, for `renderPicture` of the notation: roles, hosts, what is verified, delays and TLS on the arrows. */
export function tracePicture(result: TraceResult): Picture {
  return picture([result], { title: 'The path of a message', description: describe(result) })
}

/** Several paths, one below the other; what stands above each is `captionOf` it. */
export function tracesPicture(results: readonly TraceResult[], captionOf: (index: number) => string): Picture {
  const captioned = results.map((result, index) => ({ ...result, subject: captionOf(index) }))
  const description = results.map((result, index) => `${captionOf(index)}: ${describe(result)}`).join(' ')
  return picture(captioned, { title: 'The paths of many messages', description })
}

function picture(results: readonly TraceResult[], about: { title: string; description: string }): Picture {
  const networks = new Map<string, string>()
  return arrange(
    results.map((result, index) => rowOf(result, `trace:${index}`, networks)),
    networks,
    about,
  )
}

/** `networks` gets the names of those that are met. */
function rowOf(result: TraceResult, prefix: string, networks: Map<string, string>): PictureRow {
  const { blocks, hops } = result
  const ids = blocks.map((block, index) => `${prefix}:${index}:${block.id || block.roles[0]!.toLowerCase()}`)
  return {
    ...(result.subject ? { caption: result.subject } : {}),
    blocks: blocks.map((block, index) => {
      const name = networkOf(result, index)
      networks.set(name, name)
      return {
        id: ids[index]!,
        actor: block.id || block.roles[0]!,
        ...(block.id === '' ? {} : { at: block.id }),
        roles: block.roles,
        kind: block.roles[0] === 'Author' || block.roles[0] === 'Recipient' ? ('user' as const) : ('agent' as const),
        relays: 1,
        network: name,
        note: noteOf(block),
      }
    }),
    hops: hops.map((hop, index) => ({
      id: `${prefix}:hop:${index}`,
      from: ids[hop.from]!,
      to: ids[hop.to]!,
      arrow: hop.arrow,
      crossings: hop.crossesBorder ? [`border:${prefix}:hop:${index}`] : [],
      ...(hop.step ? { label: labelOf(hop) } : {}),
    })),
    relations: [],
  }
}

function noteOf(block: TraceBlock): string {
  if (block.id === '') return block.verified ? '' : 'claimed'
  const name = block.organisation
  const hosts = block.hosts.length > 1 ? `, ${block.hosts.length} hosts` : ''
  return `${name}${hosts}${block.verified ? '' : ' (claimed)'}`
}

function labelOf(hop: TraceHop): string {
  const step = hop.step!
  return [delayText(step), tlsText(step)].filter((text) => text !== '').join(', ')
}

function describe(result: TraceResult): string {
  const names = result.blocks.map((block) => block.roles.join('/') + (block.id === '' ? '' : ` ${block.id}`))
  const where =
    result.trust === 'none' ? 'Nothing of it is verified.' : 'What stands before the Border is claimed, not verified.'
  return names.length === 0 ? 'The message tells of no path.' : `The message went from ${names.join(' to ')}. ${where}`
}
