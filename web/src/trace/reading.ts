// A message, or many, as the page shows them.

import { Buffer } from 'node:buffer'
import { answer } from '../../../src/lab/trace/answer.ts'
import { manyPicture, pathsTable, traceMany } from '../../../src/lab/trace/many.ts'
import { traceNotation, tracePicture } from '../../../src/lab/trace/notation.ts'
import { proofsOf } from '../../../src/lab/trace/proofs.ts'
import { standingText, summaryRows, trustText } from '../../../src/lab/trace/render.ts'
import { traceTable } from '../../../src/lab/trace/table.ts'
import { trace } from '../../../src/lab/trace/trace.ts'
import { readMbox } from '../../../src/moving/mbox.ts'
import { renderPicture } from '../../../src/notation/draw.ts'
import { format } from '../../../src/notation/format.ts'
import { parse } from '../../../src/notation/parse.ts'
import { keysOf } from './keys.ts'
import type { Ask, ManyView, MessageView } from './protocol.ts'

export async function readMessage(ask: Extract<Ask, { kind: 'message' }>): Promise<MessageView> {
  const source = Buffer.from(ask.bytes.buffer, ask.bytes.byteOffset, ask.bytes.byteLength)
  const result = trace(source, ask.trustedBy.length === 0 ? {} : { trustedBy: ask.trustedBy })
  const notation = traceNotation(result)
  return {
    answer: answer(result),
    summary: summaryRows(result),
    svg: result.blocks.length === 0 ? '' : renderPicture(tracePicture(result)),
    notation: notation === '' ? '' : format(parse(notation).model, 'drawn'),
    rows: traceTable(result),
    trust: trustText(result),
    forwarding: (result.forwarder ?? result.unplacedSigns)?.evidence ?? [],
    results: result.authentication.map(({ authservId, standing, methods }) => ({
      by: standingText({ standing }, authservId),
      methods: methods
        .slice(0, 20)
        .map(({ method, result: found, properties }) =>
          [method, found, ...properties.map(({ name, value }) => `${name}=${value}`)].join(' '),
        ),
    })),
    proofs: await proofsOf(source, result, keysOf(ask.keys, ask.resolver)),
  }
}

const ROWS = 200
/** How often it is told how far it is. */
const EVERY = 500

export async function readMany(
  { file, trustedBy }: Extract<Ask, { kind: 'mbox' }>,
  onProgress: (messages: number) => void,
): Promise<ManyView> {
  let count = 0
  async function* messages(): AsyncGenerator<Buffer> {
    for await (const { content } of readMbox(chunksOf(file))) {
      if (++count % EVERY === 0) onProgress(count)
      if (content !== undefined) yield content
    }
  }
  const many = await traceMany(messages(), trustedBy.length === 0 ? {} : { trustedBy })
  const picture = manyPicture(many)
  return {
    messages: many.messages,
    rows: pathsTable(many, ROWS),
    svg: picture === undefined ? '' : renderPicture(picture),
  }
}

async function* chunksOf(file: Blob): AsyncGenerator<Uint8Array> {
  const reader = file.stream().getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    yield Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  }
}
