// What was written is there again after the page was closed; where the browser keeps nothing, it is not.

const KEY = 'borderpost.lab'

export function keepDraft(text: string): void {
  try {
    localStorage.setItem(KEY, text)
  } catch {
    // A private window, or a full disk: the page works without.
  }
}

export function keptDraft(): string | undefined {
  try {
    const text = localStorage.getItem(KEY) ?? ''
    return text.trim() === '' ? undefined : text
  } catch {
    return undefined
  }
}
