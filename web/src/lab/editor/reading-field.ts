// What the editor knows of its text at any moment: the reading, and its colours.

import { RangeSetBuilder, StateField, type Text } from '@codemirror/state'
import { Decoration, type DecorationSet, EditorView } from '@codemirror/view'
import { type MarkKind, type Reading, readText } from '../reading.ts'

interface Field {
  readonly reading: Reading
  readonly colours: DecorationSet
}

const DECORATIONS = new Map<MarkKind, Decoration>()

function decorationOf(kind: MarkKind): Decoration {
  const known = DECORATIONS.get(kind) ?? Decoration.mark({ class: `is-${kind}` })
  DECORATIONS.set(kind, known)
  return known
}

function fieldOf(doc: Text): Field {
  const reading = readText(doc.toString())
  const builder = new RangeSetBuilder<Decoration>()
  for (const { from, to, kind } of reading.marks) builder.add(from, to, decorationOf(kind))
  return { reading, colours: builder.finish() }
}

export const readingField = StateField.define<Field>({
  create: ({ doc }) => fieldOf(doc),
  update: (field, { docChanged, newDoc }) => (docChanged ? fieldOf(newDoc) : field),
  provide: (field) => EditorView.decorations.from(field, ({ colours }) => colours),
})

/** Long lines are wrapped, unless it is a drawing: that would be torn. */
export const wrapping = EditorView.contentAttributes.compute([readingField], (state) => ({
  class: isDrawn(state.field(readingField).reading) ? '' : 'cm-lineWrapping',
}))

const isDrawn = ({ model }: Reading) => model.diagrams.some(({ form }) => form === 'drawn')
