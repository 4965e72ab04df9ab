export * from "tinybase/mergeable-store";
