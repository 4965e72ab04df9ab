/** As much of a browser as the record needs: one storage, and tabs that hear of one another's writes. */
export class Browser {
  constructor() {
    /** @type {Map<string, string>} */
    this.kept = new Map();
    /** @type {Set<(event: any) => void>[]} */
    this.tabs = [];
  }

  /** What a page takes for its window. @returns {Pick<Window, "localStorage" | "addEventListener" | "document">} */
  tab() {
    const { kept, tabs } = this;
    /** @type {Set<(event: any) => void>} */
    const hears = new Set();
    tabs.push(hears);
    const tell = (/** @type {string} */ key, /** @type {string | null} */ newValue) => {
      for (const other of tabs) if (other !== hears) for (const hear of other) hear({ key, newValue });
    };
    const methods = {
      getItem: (/** @type {string} */ key) => kept.get(key) ?? null,
      setItem: (/** @type {string} */ key, /** @type {string} */ text) => {
        kept.set(key, text);
        tell(key, text);
      },
      removeItem: (/** @type {string} */ key) => {
        kept.delete(key);
        tell(key, null);
      },
    };
    const localStorage = new Proxy(methods, {
      ownKeys: () => [...kept.keys()],
      getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }),
    });
    const addEventListener = (/** @type {string} */ kind, /** @type {(event: any) => void} */ hear) => {
      if (kind === "storage") hears.add(hear);
    };
    return /** @type {any} */ ({ localStorage, addEventListener, document: { addEventListener() {}, hidden: false } });
  }
}
