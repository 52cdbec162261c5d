// Parts of MIME (RFC 5703): loops over them, text taken out of them, parts replaced and messages enclosed.

import { createHash } from 'node:crypto'
import { htmlToText, partText } from '../../message/body.ts'
import { type Entity, multipart, serialize, structuredField, textEntity, textField } from '../../message/build.ts'
import { parseHeader } from '../../message/header.ts'
import { allParts, type Part } from '../../message/mime.ts'
import type { Checker } from './check.ts'
import { soleMailbox } from './deliver.ts'
import { type Call, constantText, type Spec } from './language.ts'
import { type Field, fieldsOf } from './message.ts'
import { checkSettable, MODIFIER_TAGS, modified, settable } from './variables.ts'

const LOOP = { name: { value: 'string', constant: true } } as const

function checkFrom({ tags, at }: Call, checker: Checker): undefined {
  const from = constantText(tags.get('from'))
  if (from !== undefined && soleMailbox(from) === undefined) checker.fail(at, `'${from.slice(0, 100)}' is no address`)
  return undefined
}

export const PARTS: readonly Spec[] = [
  {
    name: 'foreverypart',
    kind: 'command',
    needs: ['foreverypart'],
    tags: LOOP,
    block: true,
    check({ at }, checker) {
      if (checker.loops.length >= checker.limits.loopDepth)
        checker.fail(at, `loops are nested more than ${checker.limits.loopDepth} deep`)
      return undefined
    },
    run(run, { at, tags, block }) {
      if (run.parts.length >= run.limits.loopDepth)
        run.fail(at, `loops are nested more than ${run.limits.loopDepth} deep`)
      const name = constantText(tags.get('name'))
      run.enterLoop()
      const depth = run.parts.length
      for (const part of allParts(run.part ?? run.message.root)) {
        run.charge(100)
        run.parts.push(part)
        try {
          if (!run.round(block, name)) break
        } finally {
          run.parts.length = depth
        }
      }
    },
  },
  {
    name: 'break',
    kind: 'command',
    needs: ['foreverypart'],
    tags: LOOP,
    check({ at, tags }, checker) {
      if (checker.loops.length === 0) checker.fail(at, 'break can stand only inside a foreverypart loop')
      const name = constantText(tags.get('name'))
      if (name !== undefined && !checker.loops.includes(name))
        checker.fail(at, `there is no loop named '${name}' around this break`)
      return undefined
    },
    run: (run, { tags }) => run.break(constantText(tags.get('name'))),
  },
  {
    name: 'extracttext',
    kind: 'command',
    needs: ['extracttext'],
    tags: { ...MODIFIER_TAGS, first: { value: 'number' } },
    args: [{ label: 'variable name', type: 'string' }],
    check({ at, args }, checker) {
      checkSettable(args[0], checker)
      if (checker.loops.length === 0) checker.fail(at, 'extracttext can stand only inside a foreverypart loop')
      return undefined
    },
    run(run, call) {
      const part = run.part ?? run.message.root
      run.charge(part.bodyEnd - part.bodyStart)
      const text = textOf(part)
      const first = run.number(call.tags.get('first'))
      const cut = first === undefined ? text : [...text.slice(0, first * 2)].slice(0, first).join('')
      run.set(settable(run, call.args[0]), modified(run, call, cut))
    },
  },
  {
    name: 'replace',
    kind: 'command',
    needs: ['replace'],
    tags: { mime: {}, subject: { value: 'string' }, from: { value: 'string' } },
    args: [{ label: 'replacement', type: 'string' }],
    check: checkFrom,
    run(run, { at, tags, args }) {
      const text = run.text(args[0])
      const entity = tags.has('mime') ? Buffer.from(text) : serialize(textEntity('plain', text))
      run.charge(run.message.bytes.length + entity.length)
      if (run.part !== undefined && !run.isLoopRoot(run.part)) {
        run.replacePart(at, run.part, entity)
        return
      }
      const header = parseHeader(entity)
      const kept = run.message.fields.filter(
        ({ lowerName }) => !lowerName.startsWith('content-') && lowerName !== 'mime-version',
      )
      const [subject, from] = [run.optionalText(tags.get('subject')), run.optionalText(tags.get('from'))]
      let fields: Field[] = [...kept, ...made('MIME-Version: 1.0\r\n'), ...fieldsOf(header)]
      if (subject !== undefined) fields = withField(fields, 'subject', textField('Subject', subject))
      if (from !== undefined) fields = withField(fields, 'from', structuredField('From', from))
      run.change(at, run.message.withFields(fields).withBody(entity.subarray(header.fieldsEnd)))
    },
  },
  {
    name: 'enclose',
    kind: 'command',
    needs: ['enclose'],
    tags: { subject: { value: 'string' }, headers: { value: 'strings' } },
    args: [{ label: 'text', type: 'string' }],
    run(run, { at, tags, args }) {
      const inner = run.message.bytes
      run.charge(inner.length * 2)
      const boundary = `enclosed-${createHash('sha256').update(inner).digest('hex').slice(0, 32)}`
      const enclosed: Entity = { fields: [structuredField('Content-Type', 'message/rfc822')], body: inner }
      const outer = serialize(multipart('mixed', [textEntity('plain', run.text(args[0])), enclosed], boundary))
      const header = parseHeader(outer)
      const subject = run.optionalText(tags.get('subject'))
      let fields: Field[] = run.message.fields.filter(({ lowerName }) => ENVELOPED.has(lowerName))
      if (subject !== undefined) fields = withField(fields, 'subject', textField('Subject', subject))
      for (const line of run.texts(tags.get('headers')))
        fields.push(...made(`${line.replace(/[\r\n]+[ \t]*/g, ' ')}\r\n`))
      const outerFields = [...fields, ...made('MIME-Version: 1.0\r\n'), ...fieldsOf(header)]
      run.change(at, run.message.withFields(outerFields).withBody(outer.subarray(header.fieldsEnd)))
    },
  },
]

/** What an enclosing message has of the one that it encloses. */
const ENVELOPED = new Set(['return-path', 'received', 'from', 'to', 'cc', 'date', 'subject', 'reply-to', 'message-id'])

function made(text: string): Field[] {
  return fieldsOf(parseHeader(Buffer.from(text)))
}

/** With this field in the place of those of its name. */
function withField(fields: readonly Field[], lowerName: string, text: string): Field[] {
  return [...fields.filter((field) => field.lowerName !== lowerName), ...made(text)]
}

function textOf(part: Part): string {
  if (part.type !== 'text') return ''
  const { text } = partText(part)
  return part.subtype === 'html' ? htmlToText(text) : text
}
