// Placeholder
import type { CompletionContext, CompletionResult } from '@codemirror/autocomplete'
export function completionOf(_context: CompletionContext): CompletionResult | null {
  return null
}
