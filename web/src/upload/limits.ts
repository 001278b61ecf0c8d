// What the server takes, said before an upload, and checked before anything is sent.

import words from "../../words/en/upload.json";
import { counted, duration, fileSize, wholeNumber } from "../format";
import type { SettingsReply } from "../protocol";
import { fill } from "../words";

export type Kind = "photo" | "video";

// For browsers that know no type for a file's name.
const VIDEO_NAMES = /\.(mp4|m4v|mov|webm|mkv|avi|mpg|mpeg|3gp|ts|wmv|flv)$/i;
const PHOTO_NAMES = /\.(jpe?g|png|webp)$/i;
const PIXELS_PER_MEGAPIXEL = 1e6;

/** Return what a file is taken for; null for what can be no photo and no video. */
export function kindOf(file: File): Kind | null {
  if (file.type.startsWith("image/")) return "photo";
  if (file.type.startsWith("video/")) return "video";
  if (file.type) return null;
  if (VIDEO_NAMES.test(file.name)) return "video";
  return PHOTO_NAMES.test(file.name) ? "photo" : null;
}

/** The limits as sentences. */
export function limitWords({ limits, picture_types }: SettingsReply): string[] {
  const photos = fill(words.limit_photos, {
    types: typeWords(picture_types),
    count: limits.max_job_photos,
    size: fileSize(limits.max_upload_bytes),
    all: fileSize(limits.max_video_bytes),
    pixels: megapixels(limits.max_pixels),
  });
  const videos = fill(words.limit_videos, {
    size: fileSize(limits.max_video_bytes),
    hours: duration(limits.max_video_s),
  });
  const days = counted(limits.job_days, words.day_one, words.day_many);
  return [photos, videos, fill(words.limit_stay, { days })];
}

/** Say why a file cannot be sent; null if it can. */
export function problemOf(file: File, kind: Kind | null, server: SettingsReply): string | null {
  const { limits, picture_types } = server;
  const size = fileSize(file.size);
  if (kind === null) return words.problem_type;
  if (file.size === 0) return words.problem_empty;
  if (kind === "video") {
    if (file.size <= limits.max_video_bytes) return null;
    return fill(words.problem_video_bytes, { size, most: fileSize(limits.max_video_bytes) });
  }
  if (file.type && !picture_types.includes(file.type)) {
    return fill(words.problem_photo_type, { types: typeWords(picture_types) });
  }
  if (file.size <= limits.max_upload_bytes) return null;
  return fill(words.problem_photo_bytes, { size, most: fileSize(limits.max_upload_bytes) });
}

/** Say why a photo of so many pixels cannot be read; null if it can. */
export function pixelProblem(pixels: number, server: SettingsReply): string | null {
  const most = server.limits.max_pixels;
  if (pixels <= most) return null;
  return fill(words.problem_photo_pixels, {
    pixels: megapixels(pixels),
    most: megapixels(most),
  });
}

/** Say why photos cannot be sent together; null if they can. */
export function togetherProblem(photos: readonly File[], server: SettingsReply): string | null {
  const { max_job_photos, max_video_bytes } = server.limits;
  if (photos.length > max_job_photos) {
    return fill(words.problem_count, { n: photos.length, most: max_job_photos });
  }
  const bytes = photos.reduce((sum, photo) => sum + photo.size, 0);
  if (bytes <= max_video_bytes) return null;
  return fill(words.problem_total, { size: fileSize(bytes), most: fileSize(max_video_bytes) });
}

function megapixels(pixels: number): string {
  const value = pixels / PIXELS_PER_MEGAPIXEL;
  return value < 10 ? value.toFixed(1).replace(/\.0$/, "") : wholeNumber(value);
}

function typeWords(types: readonly string[]): string {
  const named = (type: string): string => type.replace(/^[a-z]+\//, "").toUpperCase();
  return types.map((type) => (type === "image/webp" ? "WebP" : named(type))).join(", ");
}
