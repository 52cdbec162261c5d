// The editor of the description: CodeMirror, coloured by the project's own reading, with findings underlined and their
// remedies to be applied, and completion. Tab leaves it, as everywhere on the page.

import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from '@codemirror/autocomplete'
import { defaultKeymap, history, historyKeymap, redo, undo } from '@codemirror/commands'
import { lintKeymap } from '@codemirror/lint'
import { highlightSelectionMatches, searchKeymap } from '@codemirror/search'
import { EditorSelection, EditorState } from '@codemirror/state'
import {
  crosshairCursor,
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  keymap,
  lineNumbers,
  rectangularSelection,
} from '@codemirror/view'
import { createEffect, onCleanup, onMount } from 'solid-js'
import type { Edit, Finding } from '../../../../src/notation/model.ts'
import { MAX_TEXT, type Reading } from '../reading.ts'
import { completionOf, explained } from './completion.ts'
import { readingField, wrapping } from './reading-field.ts'
import { applyFirstRemedy, type Remedy, underline } from './remedies.ts'

/** What the page can do with the editor. */
export interface EditorHandle {
  /** Another text in place of the whole; what was there can be undone. */
  replace(text: string): void
  apply(edits: readonly Edit[]): void
  /** The caret, and the eyes, to this place. */
  goTo(from: number, to?: number): void
  undo(): void
  redo(): void
}

export function Editor(props: {
  initial: string
  onRead: (reading: Reading) => void
  onCaret: (offset: number) => void
  onRemedy: Remedy
  onFormat: () => void
  /** A change was not taken. */
  onTooLong: () => void
  /** Of the text as it is now; undefined: still being written. */
  findings: readonly Finding[] | undefined
  handle: (handle: EditorHandle) => void
}) {
  let place!: HTMLDivElement
  const format = () => {
    props.onFormat()
    return true
  }
  onMount(() => {
    const view = new EditorView({
      parent: place,
      doc: props.initial.slice(0, MAX_TEXT),
      extensions: [
        readingField,
        wrapping,
        lineNumbers(),
        highlightActiveLine(),
        highlightActiveLineGutter(),
        history(),
        drawSelection(),
        rectangularSelection(),
        crosshairCursor(),
        closeBrackets(),
        highlightSelectionMatches(),
        EditorState.tabSize.of(8),
        EditorState.allowMultipleSelections.of(true),
        EditorState.languageData.of(() => [{ commentTokens: { line: '#' }, closeBrackets: { brackets: ['"'] } }]),
        EditorState.changeFilter.of(({ newDoc, startState }) => {
          const fits = newDoc.length <= Math.max(MAX_TEXT, startState.doc.length)
          if (!fits) props.onTooLong()
          return fits
        }),
        // So few that nothing has to be scrolled.
        autocompletion({ override: [completionOf], icons: false, maxRenderedOptions: 9 }),
        explained,
        keymap.of([
          { key: 'Mod-.', run: (target) => applyFirstRemedy(target, props.onRemedy) },
          { key: 'Shift-Alt-f', run: format },
          ...closeBracketsKeymap,
          ...defaultKeymap,
          ...searchKeymap,
          ...historyKeymap,
          ...completionKeymap,
          ...lintKeymap,
        ]),
        EditorView.contentAttributes.of({
          'aria-label': 'Description of the email system',
          'aria-describedby': 'here',
          spellcheck: 'false',
          tabindex: '0',
        }),
        EditorView.updateListener.of(({ state, startState, docChanged, selectionSet }) => {
          if (docChanged) props.onRead(state.field(readingField).reading)
          if (selectionSet || state.selection.main.head !== startState.selection.main.head)
            props.onCaret(state.selection.main.head)
        }),
      ],
    })
    props.onRead(view.state.field(readingField).reading)
    props.handle({
      replace: (text) =>
        view.dispatch({
          changes: { from: 0, to: view.state.doc.length, insert: text },
          selection: EditorSelection.cursor(0),
          scrollIntoView: true,
          userEvent: 'input.replace',
        }),
      apply: (edits) =>
        view.dispatch({
          changes: edits.map(({ span, text }) => ({ from: span.start, to: span.end, insert: text })),
          userEvent: 'input.remedy',
        }),
      goTo: (from, to = from) => {
        const end = view.state.doc.length
        view.dispatch({
          selection: EditorSelection.range(Math.min(from, end), Math.min(to, end)),
          effects: EditorView.scrollIntoView(Math.min(from, end), { y: 'nearest', yMargin: 40 }),
        })
        view.focus()
      },
      undo: () => {
        undo(view)
        view.focus()
      },
      redo: () => {
        redo(view)
        view.focus()
      },
    })
    createEffect(() => {
      if (props.findings !== undefined) underline(view, props.findings, props.onRemedy)
    })
    onCleanup(() => view.destroy())
  })
  return <div class="editor" ref={place} />
}
