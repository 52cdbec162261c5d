// The body test (RFC 5173): raw, decoded by content type, or as text.

import { htmlToText, partBytes, partText } from '../../message/body.ts'
import { unfolded } from '../../message/header.ts'
import { allParts, type Part } from '../../message/mime.ts'
import { type Call, MATCHING, type Spec } from './language.ts'
import { isMatch } from './match.ts'
import type { Run } from './run.ts'

/** Of one part no more is looked at. */
const MAX_TEXT = 4 * 1024 * 1024

const ENCODINGS = new Set(['7bit', '8bit', 'binary', 'base64', 'quoted-printable'])

export const BODIES: readonly Spec[] = [
  {
    name: 'body',
    kind: 'test',
    needs: ['body'],
    tags: {
      ...MATCHING,
      raw: { group: 'transform' },
      content: { group: 'transform', value: 'strings' },
      text: { group: 'transform' },
    },
    args: [{ label: 'key list', type: 'strings' }],
    run(run, call) {
      const before = run.matchValues
      const answer = isMatch(run, call, bodyTexts(run, call), run.texts(call.args[0]))
      // Bodies are too large to be kept in match values (RFC 5173 §6).
      run.setMatchValues(before)
      return answer
    },
  },
]

function bodyTexts(run: Run, { tags }: Call): string[] {
  const { root, bytes } = run.message
  run.charge(bytes.length)
  // A header without the empty line after it has no body, not even an empty one (§4).
  if (root.header.fieldsEnd === root.bodyStart) return []
  if (tags.has('raw')) return [Buffer.from(bytes.subarray(root.bodyStart)).toString('utf8').slice(0, MAX_TEXT)]
  const wanted = tags.has('content') ? run.texts(tags.get('content')).map((type) => type.toLowerCase()) : ['text']
  return [...allParts(root)].flatMap((part) =>
    wanted.some((type) => isOfType(part, type)) ? contentOf(part, tags.has('content')) : [],
  )
}

/** RFC 5173 §5.2: a whole type, a main type, or everything; what is malformed matches nothing. */
function isOfType(part: Part, wanted: string): boolean {
  if (wanted === '') return true
  if (wanted === 'text' && part.type === 'application' && part.subtype === 'xhtml+xml') return true
  const [said] = part.header.fields.filter(({ lowerName }) => lowerName === 'content-type')
  if (said !== undefined && /^[^;/]*\/[^;/]*\//.test(unfolded(part.header, said))) return false
  if (wanted.startsWith('/') || wanted.endsWith('/') || wanted.split('/').length > 2) return false
  return wanted.includes('/') ? `${part.type}/${part.subtype}` === wanted : part.type === wanted
}

function contentOf(part: Part, isContent: boolean): string[] {
  const { source } = part.header
  if (part.type === 'multipart') {
    // Of a multipart the prologue and the epilogue are its own (§5.2).
    const [first] = part.children
    const last = part.children.at(-1)
    if (!isContent || first === undefined || last === undefined) return []
    const prologueEnd = source.lastIndexOf('\n--', first.headerStart - 1)
    const closing = source.indexOf('\n', source.indexOf('--', last.bodyEnd))
    return [
      text(source, part.bodyStart, prologueEnd),
      text(source, closing < 0 ? part.bodyEnd : closing + 1, part.bodyEnd),
    ]
  }
  // Of an enclosed message the header is its own, the body that of its parts.
  if (part.message !== undefined)
    return isContent ? [text(source, part.message.headerStart, part.message.header.fieldsEnd)] : []
  const isHtml = part.subtype === 'html' || part.subtype === 'xhtml+xml'
  if (part.type === 'text' || (isHtml && !isContent)) {
    const { text: decoded } = partText(part)
    // What nobody can decode is no text (RFC 2045 §6.4).
    if (!isContent && !ENCODINGS.has(part.encoding)) return []
    return [(isHtml && !isContent ? htmlToText(decoded) : decoded).slice(0, MAX_TEXT)]
  }
  return [partBytes(part).toString('utf8').slice(0, MAX_TEXT)]
}

function text(source: Buffer, start: number, end: number): string {
  return Buffer.from(source.subarray(start, Math.max(start, end)))
    .toString('utf8')
    .slice(0, MAX_TEXT)
}
