// What the notation offers at a place (src/notation/complete.ts), and says about it (hover.ts), in CodeMirror's words.

import type { Completion, CompletionContext, CompletionResult } from '@codemirror/autocomplete'
import { hoverTooltip } from '@codemirror/view'
import { complete } from '../../../../src/notation/complete.ts'
import { hover } from '../../../../src/notation/hover.ts'

/** While words are typed; elsewhere only when asked (Ctrl+Space). */
export function completionOf({ state, pos, explicit }: CompletionContext): CompletionResult | null {
  const { from, to, suggestions } = complete(state.doc.toString(), pos)
  if (suggestions.length === 0 || (!explicit && from === to)) return null
  return {
    from,
    to,
    filter: false,
    options: suggestions.map(
      ({ label, insert, says, kind }): Completion => ({ label, apply: insert, detail: says, type: kind }),
    ),
  }
}

/** What is under the pointer. */
export const explained = hoverTooltip((view, position) => {
  const found = hover(view.state.doc.toString(), position)
  if (found === undefined) return null
  return {
    pos: found.from,
    end: found.to,
    above: true,
    create: () => {
      const dom = document.createElement('div')
      dom.className = 'explained'
      const title = document.createElement('strong')
      title.textContent = found.title
      const says = document.createElement('p')
      says.textContent = found.says
      dom.append(title, says)
      return { dom }
    },
  }
})
